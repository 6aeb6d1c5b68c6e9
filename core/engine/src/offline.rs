//! Reading a journal beside the bridge: what its operations are, without starting anything.

use std::collections::BTreeMap;

use bridge_journal::ReadOnly;

use crate::Error;
use crate::operations::Operation;
use crate::snapshot::Replay;
use crate::store::Table;

/// Every operation the journal knows, by id (which is by time), as far as it can be read.
///
/// # Errors
/// [`Error::Journal`] at the first damaged or missing record.
pub fn read_operations(journal: &ReadOnly) -> Result<BTreeMap<String, Operation>, Error> {
    let mut tables = Replay::default();
    let mut reader = journal.reader(journal.start());
    while let Some(record) = reader.next()? {
        tables.observe(record.kind, &record.body);
    }
    let store = tables.finish();
    let operations = store.entries(Table::Operations).filter_map(|(_, value)| serde_json::from_slice::<Operation>(value).ok());
    Ok(operations.map(|operation| (operation.id.clone(), operation)).collect())
}
