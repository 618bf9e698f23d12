//! `$import` of NDJSON: each line a resource, written under its own id (HL7 FHIR R4, nd-json.html; the mirror of `$export`).

use super::job::{self, CHUNKS, File, Job, State, Work, chunk_key};
use crate::access::Action;
use crate::audit::Act;
use crate::resources::{self, Draft, Precondition, Writer};
use crate::session::Session;
use badiano_fhir::{Value, json, outcome};
use badiano_kernel::{Fault, FaultKind, Instant, id::LogicalId};

/// Longest line of an import.
pub const LINE_BYTES_MAX: usize = 16 << 20;
/// Lines are kept in chunks of this length until they are written: one commit a chunk.
const CHUNK_BYTES: usize = 1 << 20;
/// Bytes of one import.
const IMPORT_BYTES_MAX: u64 = 8 << 30;
/// Lines that are told one by one why they were refused; more are counted.
const TOLD_MAX: u64 = 10_000;

/// Lines on their way in; nothing is written before all of them are here.
pub struct Arriving {
    session: Session,
    job: Job,
    text: Vec<u8>,
    bytes: u64,
    lines: u64,
    chunks: u32,
}

impl Session {
    /// Takes lines in for an import.
    pub async fn begin_import(&self, address: &str) -> Result<Arriving, Fault> {
        self.may_any("", Action::Write, "this principal may not write data")?;
        let work = Work::Import { chunks: 0, next: 0, lines: 0, written: 0, refused: 0 };
        let id = LogicalId::random().as_str().to_owned();
        let mut job = Job::new(id, address.to_owned(), self.bulk_owner()?, work, self.now());
        job.state = State::Arriving;
        let (kept, now) = (job.clone(), self.now());
        self.node().store().write(move |tx| job::put(tx, &kept, now)).await?;
        Ok(Arriving { session: self.clone(), job, text: Vec::new(), bytes: 0, lines: 0, chunks: 0 })
    }
}

impl Arriving {
    pub async fn take(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.bytes += bytes.len() as u64;
        if self.bytes > IMPORT_BYTES_MAX {
            return Err(Fault::too_costly("an import has at most 8 GiB: send it in parts"));
        }
        self.text.extend_from_slice(bytes);
        if self.text.len() >= CHUNK_BYTES
            && let Some(end) = self.text.iter().rposition(|b| *b == b'\n')
        {
            let rest = self.text.split_off(end + 1);
            let whole = std::mem::replace(&mut self.text, rest);
            self.keep(whole).await?;
        }
        if self.text.len() > LINE_BYTES_MAX {
            return Err(Fault::too_costly("a line is longer than an import takes"));
        }
        Ok(())
    }

    /// Begins the work: acknowledged lines are durable from here on.
    pub async fn finish(mut self) -> Result<Job, Fault> {
        let last = std::mem::take(&mut self.text);
        if !last.is_empty() {
            self.keep(last).await?;
        }
        if self.lines == 0 {
            return Err(Fault::invalid("an import has at least one line: NDJSON, a resource a line"));
        }
        let Arriving { session, mut job, lines, chunks, .. } = self;
        job.work = Work::Import { chunks, next: 0, lines, written: 0, refused: 0 };
        (job.chunks, job.state) = (chunks, State::Running);
        let (kept, writer, now) = (job.clone(), session.writer(), session.now());
        let write = move |tx: &mut badiano_store::Tx<'_>| {
            job::put(tx, &kept, now)?;
            writer.leaf(tx, Act::Execute, "import", &[], &format!("bulk job {}: {lines} lines", kept.id))
        };
        session.node().store().write(write).await?;
        Ok(job)
    }

    /// What came before the sender broke off is of no use.
    pub async fn give_up(self) -> Result<(), Fault> {
        job::destroy(self.session.node(), &self.job.id).await
    }

    async fn keep(&mut self, text: Vec<u8>) -> Result<(), Fault> {
        self.lines += lines_of(&text).count() as u64;
        let (key, now) = (chunk_key(&self.job.id, self.chunks), self.session.now());
        self.chunks += 1;
        let write =
            move |tx: &mut badiano_store::Tx<'_>| tx.replace_document(CHUNKS, &key, &text, now).map(|_| ());
        self.session.node().store().write(write).await
    }
}

fn lines_of(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|b| *b == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty())
}

/// A line that was not written: which one of the import, and why.
struct Refused {
    line: u64,
    why: Fault,
}

/// One chunk of lines further; nothing when the job was taken away.
pub(super) async fn step(session: &Session, mut job: Job, now: Instant) -> Result<Option<Job>, Fault> {
    let Work::Import { chunks, next, lines, written, refused } = job.work else {
        return Err(Fault::bug("this job is no import"));
    };
    if next >= chunks {
        return finish(session, job, now).await;
    }
    let key = chunk_key(&job.id, next);
    let chunk = session.node().store().read(|view| view.document(CHUNKS, &key))?;
    let Some(chunk) = chunk else { return Ok(None) };
    let begin = written + refused;
    let (drafts, not) = prepare(session, &chunk.body, begin);
    let (own, writer, mut whole) = (session.clone(), session.writer(), job.clone());
    let done = move |job: &mut Job, count: u64, not: u64| {
        let (written, refused) = (written + count, refused + not);
        job.work = Work::Import { chunks, next: next + 1, lines, written, refused };
    };
    let chunk_of = key.clone();
    let write = move |tx: &mut badiano_store::Tx<'_>| {
        let mut not = not;
        if !job::is_at_work(tx, &whole.id)? {
            return Ok(None);
        }
        let count = put_all(tx, &own, &writer, drafts, &mut not)?;
        done(&mut whole, count, not.len() as u64);
        end_chunk(tx, &mut whole, &not, &chunk_of, now)?;
        Ok(Some(whole))
    };
    match session.node().store().write(write).await {
        Err(fault) if fault.kind != FaultKind::Unavailable => {}
        done => return done,
    }
    // One of them cannot be written: each is tried alone, so that it is known which.
    let (mut count, mut not) = (0, Vec::new());
    for (line, text) in (begin + 1..).zip(lines_of(&chunk.body)) {
        match alone(session, text).await {
            Ok(()) => count += 1,
            Err(why) if why.kind == FaultKind::Unavailable => return Err(why),
            Err(why) => not.push(Refused { line, why }),
        }
    }
    done(&mut job, count, not.len() as u64);
    let write = move |tx: &mut badiano_store::Tx<'_>| {
        if !job::is_at_work(tx, &job.id)? {
            return Ok(None);
        }
        end_chunk(tx, &mut job, &not, &key, now)?;
        Ok(Some(job))
    };
    session.node().store().write(write).await
}

async fn alone(session: &Session, line: &[u8]) -> Result<(), Fault> {
    session.put(read(line)?, Precondition::None, "import").await.map(|_| ())
}

/// A chunk is done: its lines go, why some were refused stays.
fn end_chunk(
    tx: &mut badiano_store::Tx<'_>,
    job: &mut Job,
    refused: &[Refused],
    chunk: &str,
    now: Instant,
) -> Result<(), Fault> {
    tell(tx, job, refused, now)?;
    tx.drop_document(CHUNKS, chunk)?;
    job::put(tx, job, now)
}

async fn finish(session: &Session, job: Job, now: Instant) -> Result<Option<Job>, Fault> {
    let job = job.ended_at(now);
    let kept = job.clone();
    let write = move |tx: &mut badiano_store::Tx<'_>| {
        if !job::is_at_work(tx, &kept.id)? {
            return Ok(false);
        }
        job::put(tx, &kept, now).map(|()| true)
    };
    Ok(session.node().store().write(write).await?.then_some(job))
}

/// Checks the lines of a chunk, on all processors.
fn prepare(session: &Session, text: &[u8], begin: u64) -> (Vec<(u64, Draft)>, Vec<Refused>) {
    let lines: Vec<(u64, &[u8])> = (begin + 1..).zip(lines_of(text)).collect();
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = lines.len().div_ceil(threads).max(1);
    let done: Vec<(u64, Result<Draft, Fault>)> = std::thread::scope(|scope| {
        let parts = lines.chunks(share).map(|part| {
            scope.spawn(move || part.iter().map(|(n, line)| (*n, draft(session, line))).collect::<Vec<_>>())
        });
        let parts: Vec<_> = parts.collect();
        parts.into_iter().flat_map(|part| part.join().unwrap_or_default()).collect()
    });
    let (mut drafts, mut refused) = (Vec::new(), Vec::new());
    for (line, done) in done {
        match done {
            Ok(draft) => drafts.push((line, draft)),
            Err(why) => refused.push(Refused { line, why }),
        }
    }
    (drafts, refused)
}

fn read(line: &[u8]) -> Result<Value, Fault> {
    let mut resource = json::parse(line).map_err(|e| Fault::invalid(e.to_string()))?;
    if resource.id().is_empty() {
        resource.set("id", LogicalId::random().as_str());
    }
    Ok(resource)
}

fn draft(session: &Session, line: &[u8]) -> Result<Draft, Fault> {
    let resource = read(line)?;
    resources::check(&resource)?;
    session.may_write(&resource)?;
    session.writer().prepare(session.node().store(), resource)
}

/// Writes what may be written as one access; says how much.
fn put_all(
    tx: &mut badiano_store::Tx<'_>,
    session: &Session,
    writer: &Writer,
    drafts: Vec<(u64, Draft)>,
    refused: &mut Vec<Refused>,
) -> Result<u64, Fault> {
    writer.as_one_access(tx, |tx| {
        let mut done = 0;
        for (line, draft) in drafts {
            match session.may_replace(tx, &draft.kind, &draft.id) {
                Ok(()) => {
                    writer.put_draft(tx, draft, Precondition::None, "import")?;
                    done += 1;
                }
                Err(why) => refused.push(Refused { line, why }),
            }
        }
        Ok(done)
    })
}

/// Keeps why lines were refused, an OperationOutcome a line.
fn tell(
    tx: &mut badiano_store::Tx<'_>,
    job: &mut Job,
    refused: &[Refused],
    now: Instant,
) -> Result<(), Fault> {
    let told: u64 = job.errors.iter().map(|file| file.lines).sum();
    let room = usize::try_from(TOLD_MAX.saturating_sub(told)).unwrap_or(0);
    let some = &refused[..refused.len().min(room)];
    if some.is_empty() {
        return Ok(());
    }
    let line = |one: &Refused| {
        let place = [format!("line {}", one.line), one.why.place.clone()];
        let why = one.why.clone().at(place.join(" ").trim_end());
        let value: Value = outcome::from_fault(&why);
        format!("{}\n", json::to_string(&value))
    };
    let text: String = some.iter().map(line).collect();
    let (n, count) = (job.chunks, some.len() as u64);
    job.chunks += 1;
    match job.errors.last_mut().filter(|last| last.to == n) {
        Some(last) => (last.to, last.lines) = (n + 1, last.lines + count),
        None => {
            let kind = "OperationOutcome".to_owned();
            job.errors.push(File { kind, n: job.errors.len(), from: n, to: n + 1, lines: count });
        }
    }
    tx.replace_document(CHUNKS, &chunk_key(&job.id, n), text.as_bytes(), now).map(|_| ())
}
