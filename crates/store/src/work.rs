//! Lines of work: what waits for somebody, under a list, with the few words that lists are cut by. The newest line alone stands here.

use crate::body;
use crate::resources::Stub;
use crate::tx::Tx;
use crate::view::{View, limit, signed, unsigned};
use badiano_kernel::{Fault, Instant};
use rusqlite::{Row, params};

/// Longest id of a line, in bytes.
pub const WORK_ID_BYTES_MAX: usize = 512;

/// One line: the columns that lists are made of, and the owner's own bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkLine {
    /// Whose work it is; the caller's own meaning, as are `list`, `state`, `area` and `topic`.
    pub kind: String,
    pub id: String,
    pub mark: WorkMark,
    pub source: String,
    pub body: Vec<u8>,
}

/// What a list needs to know of a line to choose it; read from the index alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkMark {
    /// The list it stands on; empty when nothing is left to do.
    pub list: String,
    pub state: String,
    /// Smaller comes first; lines of one rank by age.
    pub rank: u32,
    /// Since when it stands on its list.
    pub since: Instant,
    /// By when somebody should have done it.
    pub due: Instant,
    pub area: String,
    pub topic: String,
    /// Who has it; empty for nobody.
    pub holder: String,
    pub pat: i64,
    pub class: u64,
}

/// Which lines of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkQuery<'a> {
    pub kind: &'a str,
    pub list: &'a str,
    /// Newest first instead of rank and age.
    pub newest_first: bool,
    pub limit: usize,
}

/// All columns of the index in its order, so that a list is read without its lines' bodies.
const MARK: &str = "state, rank, since, due, area, topic, holder, pat, class, source, list";

fn read_mark(row: &Row<'_>) -> rusqlite::Result<(WorkMark, String)> {
    let mark = WorkMark {
        state: row.get(0)?,
        rank: row.get(1)?,
        since: Instant::from_micros(row.get(2)?),
        due: Instant::from_micros(row.get(3)?),
        area: row.get(4)?,
        topic: row.get(5)?,
        holder: row.get(6)?,
        pat: row.get(7)?,
        class: unsigned(row.get(8)?),
        list: row.get(10)?,
    };
    Ok((mark, row.get(9)?))
}

impl View<'_> {
    pub fn work_line(&self, kind: &str, id: &str) -> Result<Option<WorkLine>, Fault> {
        let Some(number) = self.number(kind) else { return Ok(None) };
        let sql = format!("SELECT {MARK}, body FROM work WHERE kind = ?1 AND id = ?2");
        let read = |row: &Row<'_>| Ok((read_mark(row)?, row.get::<_, Vec<u8>>(11)?));
        let found = self.one(&sql, params![number, id], read)?;
        let line = |((mark, source), packed): ((WorkMark, String), Vec<u8>)| {
            Ok(WorkLine {
                kind: kind.to_owned(),
                id: id.to_owned(),
                mark,
                source,
                body: body::unpack(&packed)?,
            })
        };
        found.map(line).transpose()
    }

    /// The first lines of a list that may be seen and are wanted, in the list's order.
    pub fn work_lines(
        &self,
        query: &WorkQuery<'_>,
        chosen: &dyn Fn(&WorkMark, &Stub) -> bool,
    ) -> Result<Vec<WorkLine>, Fault> {
        let mut rows = Vec::new();
        self.each_work(query, &mut |mark, stub, n| {
            if chosen(mark, stub) {
                rows.push(n);
            }
            rows.len() < query.limit
        })?;
        let sql = format!("SELECT {MARK}, body, id FROM work WHERE n = ?1");
        let mut lines = Vec::with_capacity(rows.len());
        for n in rows {
            let read =
                |row: &Row<'_>| Ok((read_mark(row)?, row.get::<_, Vec<u8>>(11)?, row.get::<_, String>(12)?));
            let Some(((mark, source), packed, id)) = self.one(&sql, [n], read)? else { continue };
            let body = body::unpack(&packed)?;
            lines.push(WorkLine { kind: query.kind.to_owned(), id, mark, source, body });
        }
        Ok(lines)
    }

    /// Every line of a list in its order, without its body; for counting.
    pub fn work_marks(
        &self,
        query: &WorkQuery<'_>,
        each: &mut dyn FnMut(&WorkMark, &Stub),
    ) -> Result<(), Fault> {
        let mut left = query.limit;
        self.each_work(query, &mut |mark, stub, _| {
            each(mark, stub);
            left = left.saturating_sub(1);
            left > 0
        })
    }

    fn each_work(
        &self,
        query: &WorkQuery<'_>,
        each: &mut dyn FnMut(&WorkMark, &Stub, i64) -> bool,
    ) -> Result<(), Fault> {
        let Some(number) = self.number(query.kind) else { return Ok(()) };
        let order = if query.newest_first { "rank DESC, since DESC, n DESC" } else { "rank, since, n" };
        let sql = format!("SELECT {MARK}, n FROM work WHERE kind = ?1 AND list = ?2 ORDER BY {order}");
        self.until(&sql, params![number, query.list], |row| {
            let (mark, source) = read_mark(row)?;
            let stub = Stub {
                kind: query.kind.to_owned(),
                id: String::new(),
                pat: mark.pat,
                class: mark.class,
                source,
            };
            Ok(each(&mark, &stub, row.get(11)?))
        })
    }

    /// Ids of all lines of a kind after one, in their order; for reviews that go through everything.
    pub fn work_ids(&self, kind: &str, after: &str, most: usize) -> Result<Vec<String>, Fault> {
        let Some(number) = self.number(kind) else { return Ok(Vec::new()) };
        let sql = "SELECT id FROM work WHERE kind = ?1 AND id > ?2 ORDER BY id LIMIT ?3";
        self.all(sql, params![number, after, limit(most)], |r| r.get(0))
    }
}

impl Tx<'_> {
    /// Writes a line in the place of the one that stands.
    pub fn put_work(&mut self, line: &WorkLine) -> Result<(), Fault> {
        if line.id.len() > WORK_ID_BYTES_MAX {
            return Err(Fault::too_costly("the id of a line of work is too long"));
        }
        let number = self.number_of(&line.kind)?;
        let mark = &line.mark;
        self.run(
            "INSERT INTO work(kind, id, list, state, rank, since, due, area, topic, holder, pat, class, source, body) \
             VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) \
             ON CONFLICT(kind, id) DO UPDATE SET list = excluded.list, state = excluded.state, \
             rank = excluded.rank, since = excluded.since, due = excluded.due, area = excluded.area, \
             topic = excluded.topic, holder = excluded.holder, pat = excluded.pat, class = excluded.class, \
             source = excluded.source, body = excluded.body",
            params![
                number,
                line.id,
                mark.list,
                mark.state,
                mark.rank,
                mark.since.micros,
                mark.due.micros,
                mark.area,
                mark.topic,
                mark.holder,
                mark.pat,
                signed(mark.class),
                line.source,
                body::pack(&line.body)?
            ],
        )?;
        Ok(())
    }

    /// Takes a line away; one that is not there stays so.
    pub fn drop_work(&mut self, kind: &str, id: &str) -> Result<(), Fault> {
        let Some(number) = self.number(kind) else { return Ok(()) };
        self.run("DELETE FROM work WHERE kind = ?1 AND id = ?2", params![number, id])?;
        Ok(())
    }
}
