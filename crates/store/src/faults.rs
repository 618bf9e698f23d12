//! Failures of the disk and of SQLite as the kernel's one closed `Fault`; texts name operations, never values.

use badiano_kernel::Fault;
use rusqlite::ErrorCode;

/// Turns a failure of a lower layer into a [`Fault`].
pub(crate) trait OrFault<T> {
    fn or_fault(self) -> Result<T, Fault>;
}

impl<T> OrFault<T> for rusqlite::Result<T> {
    fn or_fault(self) -> Result<T, Fault> {
        self.map_err(|e| sqlite(&e))
    }
}

impl<T> OrFault<T> for std::io::Result<T> {
    fn or_fault(self) -> Result<T, Fault> {
        self.map_err(|e| Fault::unavailable(format!("the disk refused: {}", e.kind())))
    }
}

fn sqlite(error: &rusqlite::Error) -> Fault {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Fault::unavailable("the disk is full"),
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::DatabaseBusy) => {
            Fault::unavailable("the database does not answer")
        }
        Some(ErrorCode::ConstraintViolation) => Fault::conflict("the same identity stands already"),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            Fault::unavailable("the database file is damaged: restore it from a backup")
        }
        Some(code) => Fault::bug(format!("the database answered {code:?}")),
        None => Fault::bug(match error {
            rusqlite::Error::InvalidColumnType(column, _, kind) => {
                format!("column {column} of the database holds {kind}")
            }
            rusqlite::Error::QueryReturnedNoRows => "a row that must be there is not".to_owned(),
            _ => "the database answered in an unexpected form".to_owned(),
        }),
    }
}
