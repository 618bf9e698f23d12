//! Reading a whole data set from memory (PS3.5 section 7): identifiers, worklist items, stored headers.

use super::DataSet;
use crate::dictionary::Coding;
use crate::part10::{ParseError, Parser};

impl DataSet {
    /// Reads an encoded data set, every value kept. Limits: [`crate::part10::HEADER_BYTES_MAX`] and
    /// [`crate::part10::DEPTH_MAX`].
    pub fn read(bytes: &[u8], coding: Coding) -> Result<DataSet, ParseError> {
        let mut parser = Parser::whole(coding);
        parser.feed(bytes)?;
        Ok(parser.finish()?.dataset)
    }
}
