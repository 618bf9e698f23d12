//! Standard output of a command whose results are read by other programs: buffered, and quiet when the reader goes away.

use badiano_kernel::Fault;
use std::io::{BufWriter, ErrorKind, StdoutLock, Write};
use std::process::ExitCode;

/// What a shell tells of a program that SIGPIPE ended (128 + 13): the reader has gone, as in `badiano validate . | head`.
const READER_GONE: u8 = 141;

/// Why writing ended.
#[derive(Debug)]
pub enum Stopped {
    ReaderGone,
    Failed(Fault),
}

impl From<std::io::Error> for Stopped {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::BrokenPipe => Stopped::ReaderGone,
            _ => Stopped::Failed(Fault::unavailable(format!("standard output: {error}"))),
        }
    }
}

impl From<Fault> for Stopped {
    fn from(fault: Fault) -> Self {
        Stopped::Failed(fault)
    }
}

/// Lines of a result.
pub struct Output {
    out: BufWriter<StdoutLock<'static>>,
}

impl Output {
    pub fn open() -> Self {
        Output { out: BufWriter::new(std::io::stdout().lock()) }
    }
    pub fn line(&mut self, text: &str) -> Result<(), Stopped> {
        self.out.write_all(text.as_bytes())?;
        self.out.write_all(b"\n")?;
        Ok(())
    }
    /// So that a reader sees each result when it is there.
    pub fn flush(&mut self) -> Result<(), Stopped> {
        self.out.flush()?;
        Ok(())
    }
}

/// The exit code of a command that wrote through [`Output`].
pub fn ended(outcome: Result<ExitCode, Stopped>) -> Result<ExitCode, Fault> {
    match outcome {
        Ok(code) => Ok(code),
        Err(Stopped::ReaderGone) => Ok(ExitCode::from(READER_GONE)),
        Err(Stopped::Failed(fault)) => Err(fault),
    }
}
