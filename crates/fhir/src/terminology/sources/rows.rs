//! Rows of separated values as the publishers of code systems write them: commas, semicolons, tabs or bars, with or without quotes
//! (RFC 4180; SNOMED RF2; UMLS RRF).

use badiano_kernel::Fault;
use std::io::{BufRead, Read as _};

/// The longest row.
const ROW_BYTES_MAX: u64 = 4 << 20;

/// Rows one after the other.
pub(super) struct Rows<'r> {
    from: &'r mut dyn BufRead,
    delimiter: char,
    is_quoted: bool,
    number: u64,
}

/// Rows with the names of their columns.
pub(super) struct Table<'r> {
    rows: Rows<'r>,
    columns: Vec<String>,
}

impl<'r> Rows<'r> {
    /// Tabs or bars, and a quote is a sign like others.
    pub fn bare(from: &'r mut dyn BufRead, delimiter: char) -> Self {
        Rows { from, delimiter, is_quoted: false, number: 0 }
    }

    /// The next row that is not empty. Text that is not UTF-8 is taken as Windows-1252, which Mexican catalogues come in.
    pub fn next(&mut self) -> Result<Option<Vec<String>>, Fault> {
        loop {
            let Some(mut line) = self.line()? else { return Ok(None) };
            while self.is_quoted && line.matches('"').count() % 2 == 1 {
                let Some(more) = self.line()? else { return Err(self.wrong("a quote is not closed")) };
                line.push('\n');
                line.push_str(&more);
                if line.len() as u64 > ROW_BYTES_MAX {
                    return Err(self.wrong("the row is too long"));
                }
            }
            if !line.trim().is_empty() {
                return Ok(Some(self.cells(&line)));
            }
        }
    }

    fn line(&mut self) -> Result<Option<String>, Fault> {
        let mut bytes = Vec::new();
        let read = (&mut *self.from).take(ROW_BYTES_MAX).read_until(b'\n', &mut bytes);
        let read = read.map_err(|e| Fault::unavailable(format!("the file cannot be read: {e}")))?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        if read as u64 == ROW_BYTES_MAX {
            return Err(self.wrong("the row is too long"));
        }
        while bytes.last().is_some_and(|b| matches!(b, b'\n' | b'\r')) {
            bytes.pop();
        }
        let text =
            String::from_utf8(bytes).unwrap_or_else(|e| e.as_bytes().iter().map(|b| western(*b)).collect());
        Ok(Some(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)))
    }

    fn cells(&self, line: &str) -> Vec<String> {
        if !self.is_quoted {
            return line.split(self.delimiter).map(str::to_owned).collect();
        }
        let (mut cells, mut cell, mut inside) = (Vec::new(), String::new(), false);
        let mut signs = line.chars().peekable();
        while let Some(sign) = signs.next() {
            match sign {
                '"' if inside && signs.peek() == Some(&'"') => {
                    cell.push('"');
                    signs.next();
                }
                '"' => inside = !inside,
                s if s == self.delimiter && !inside => cells.push(std::mem::take(&mut cell)),
                s => cell.push(s),
            }
        }
        cells.push(cell);
        cells
    }

    fn wrong(&self, text: &str) -> Fault {
        Fault::invalid(text).at(format!("row {}", self.number))
    }
}

/// Windows-1252 where it differs from Latin-1; signs that it does not have stay as they are.
fn western(byte: u8) -> char {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
        '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    match byte {
        0x80..=0x9f => HIGH[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

impl<'r> Table<'r> {
    /// Quoted values with a header; the delimiter is the sign that the header has most of.
    pub fn quoted(from: &'r mut dyn BufRead) -> Result<Self, Fault> {
        let mut rows = Rows { from, delimiter: ',', is_quoted: true, number: 0 };
        let header = rows.line()?.ok_or_else(|| Fault::invalid("the file is empty"))?;
        let most = [',', ';', '\t', '|'].into_iter().max_by_key(|sign| header.matches(*sign).count());
        rows.delimiter = most.unwrap_or(',');
        let columns = rows.cells(&header).into_iter().map(|name| name.trim().to_owned()).collect();
        Ok(Table { rows, columns })
    }

    /// Values between tabs with a header.
    pub fn tabbed(from: &'r mut dyn BufRead) -> Result<Self, Fault> {
        let mut rows = Rows::bare(from, '\t');
        let columns = rows.next()?.ok_or_else(|| Fault::invalid("the file is empty"))?;
        Ok(Table { rows, columns })
    }

    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The place of the first of these columns that there is, whatever the case.
    pub fn find(&self, names: &[&str]) -> Option<usize> {
        names.iter().find_map(|name| self.columns.iter().position(|c| c.eq_ignore_ascii_case(name)))
    }

    pub fn need(&self, names: &[&str]) -> Result<usize, Fault> {
        self.find(names)
            .ok_or_else(|| Fault::invalid(format!("the file has no column {}", names.join(" or "))))
    }

    pub fn next(&mut self) -> Result<Option<Vec<String>>, Fault> {
        self.rows.next()
    }
}

/// A cell, or nothing where the row is short.
pub(super) fn cell(row: &[String], at: usize) -> &str {
    row.get(at).map_or("", |c| c.trim())
}

/// A cell of a column that there may be.
pub(super) fn optional(row: &[String], at: Option<usize>) -> &str {
    at.map_or("", |at| cell(row, at))
}
