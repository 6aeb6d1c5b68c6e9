//! `export`: the point list for a spreadsheet, the point list to sign, the sheet to walk the points with.

mod csv;
mod document;

pub(crate) use csv::says_the_same;
pub use csv::{Carried, merge_csv, to_point_list};
pub use document::{check_sheet, point_list};
