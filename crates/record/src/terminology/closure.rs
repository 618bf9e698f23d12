//! $closure: tables that the server keeps for those who index by hierarchy (FHIR R4, conceptmap-operation-closure.html).

use crate::audit::Act;
use crate::session::Session;
use badiano_fhir::Value;
use badiano_fhir::terminology::closure::{CODES_MAX, Line, shown};
use badiano_fhir::terminology::{Asked, Coded, Terminology};
use badiano_kernel::Fault;
use badiano_store::{Expect, Tx};
use serde::{Deserialize, Serialize};

const DOCUMENTS: &str = "closure";
const NAME_BYTES_MAX: usize = 200;

/// One table: its codes, and its lines with the change that brought each.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Table {
    version: usize,
    /// System, version, code.
    codes: Vec<(String, String, String)>,
    /// Change, system, below, above.
    lines: Vec<(usize, String, String, String)>,
}

impl Session {
    /// Begins a table (no codes), adds codes to it, or tells again what changed after a version.
    pub async fn closure(&self, asked: &Asked) -> Result<Value, Fault> {
        self.writes_any("ConceptMap")?;
        let name = asked.text("name").ok_or_else(|| Fault::invalid("is needed").at("name"))?.to_owned();
        if name.len() > NAME_BYTES_MAX {
            return Err(Fault::too_costly("the name of the table is too long").at("name"));
        }
        let (codes, since) = (asked.codings("concept"), asked.number("version")?);
        if !codes.is_empty() && since.is_some() {
            return Err(Fault::invalid("a version is asked for alone, without codes").at("version"));
        }
        let terminology = self.known_terminology()?;
        let date = self.now().to_rfc3339();
        let (writer, now) = (self.writer(), self.now());
        let change = move |tx: &mut Tx<'_>| {
            let kept = tx.document(DOCUMENTS, &name)?;
            let expect = kept.as_ref().map_or(Expect::Absent, |d| Expect::Version(d.version));
            let table = kept.map(|d| serde_json::from_slice::<Table>(&d.body));
            let table = table.transpose().map_err(|_| Fault::bug("a table that was kept cannot be read"))?;
            writer.leaf(tx, Act::Execute, "closure", &[], "ConceptMap")?;
            if let Some(since) = since {
                let table = table.ok_or_else(no_table)?;
                return Ok(shown(&name, table.version, &date, &table.after(since)));
            }
            let table = match (table, codes.is_empty()) {
                (_, true) => Table::default(),
                (Some(table), false) => table.with(&terminology, codes)?,
                (None, false) => return Err(no_table()),
            };
            let body = serde_json::to_vec(&table).map_err(|_| Fault::bug("a table is always printable"))?;
            tx.put_document(DOCUMENTS, &name, &body, expect, now)?;
            let last = table.version.saturating_sub(1);
            Ok(shown(&name, table.version, &date, &table.after(last)))
        };
        self.node().store().write(change).await
    }
}

fn no_table() -> Fault {
    Fault::not_found("there is no such table: begin it with its name alone").at("name")
}

impl Table {
    /// The lines that came after a version of the table.
    fn after(&self, version: usize) -> Vec<Line> {
        let later = self.lines.iter().filter(|(change, ..)| *change > version);
        later
            .map(|(_, system, below, above)| Line {
                system: system.clone(),
                below: below.clone(),
                above: above.clone(),
            })
            .collect()
    }

    fn with(mut self, terminology: &Terminology, codes: Vec<Coded>) -> Result<Table, Fault> {
        self.version += 1;
        let coded = |(system, version, code): &(String, String, String)| Coded {
            system: system.clone(),
            version: version.clone(),
            code: code.clone(),
            display: String::new(),
        };
        let mut known: Vec<Coded> = self.codes.iter().map(coded).collect();
        for new in codes {
            if known.iter().any(|k| k.system == new.system && k.code == new.code) {
                continue;
            }
            if known.len() >= CODES_MAX {
                return Err(Fault::too_costly(format!("a table has at most {CODES_MAX} codes")).at("concept"));
            }
            let lines = terminology.closure_of(&new, &known);
            self.lines.extend(lines.into_iter().map(|l| (self.version, l.system, l.below, l.above)));
            self.codes.push((new.system.clone(), new.version.clone(), new.code.clone()));
            known.push(new);
        }
        Ok(self)
    }
}
