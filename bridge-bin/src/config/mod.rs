//! Configuration: `bridge.toml` (who we are, whom we talk to, what we keep), `site.toml` (where the links go), and one profile pinned by its
//! hash. Read whole, checked whole: every problem with file, line, column, code and fix, or a [`Checked`] that can run.

mod bridge;
mod check;
mod codes;
mod folder;
mod link_tls;
mod sink;
mod site;
mod value;
mod way;

pub(crate) use bridge::DIALECT;
pub(crate) use check::{BUNDLE_VERSION_FILE, Checked, Endpoint, check};
pub(crate) use codes::EXPLANATIONS;
pub(crate) use folder::{ROOT, compile_profile, expand_profile};
pub(crate) use value::hex;
