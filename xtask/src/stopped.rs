//! How a command of the project ends when it does not succeed.

/// Why a command stopped; each has its exit code.
#[derive(Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Something went wrong: 1.
    Failed(String),
    /// What was asked for is planned and not written: 2.
    NotThereYet(String),
}

impl Stopped {
    pub fn exit_code(&self) -> u8 {
        match self {
            Stopped::Failed(_) => 1,
            Stopped::NotThereYet(_) => 2,
        }
    }
}

impl From<String> for Stopped {
    fn from(text: String) -> Self {
        Stopped::Failed(text)
    }
}
