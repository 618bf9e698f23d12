//! The single writer: jobs that wait are put into one transaction, each in its savepoint, and answered when all is durable.

use crate::blobs::BLOB_MARK;
use crate::faults::OrFault;
use crate::shared::Shared;
use crate::tx::{Counters, Tx};
use badiano_kernel::Fault;
use rusqlite::Connection;
use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;
use std::time::{Duration, Instant as Clock};
use tokio::sync::oneshot;

/// Jobs that may wait; more are refused at once.
pub const QUEUE_JOBS_MAX: usize = 8_192;
/// Jobs of one group.
const GROUP_JOBS_MAX: usize = 512;
/// Audit entries of reads that one group takes in.
const GROUP_SPOOL_MAX: usize = 8_192;
/// A group stops taking jobs after this time.
const GROUP_TIME_MAX: Duration = Duration::from_millis(5);
/// A group waits so long for as many writers as the last group had.
const GATHER_TIME_MAX: Duration = Duration::from_micros(200);
/// Audit entries of reads are in the log at most this much later, and the commit's own time.
const SPOOL_TIME_MAX: Duration = Duration::from_millis(10);

/// How often the writer looks how much room the disk has.
const DISK_LOOK_TIME: Duration = Duration::from_secs(1);

/// Answers the caller, once it is known how the group ended.
type Answer = Box<dyn FnOnce(Result<(), Fault>) + Send>;
type Job = Box<dyn FnOnce(&mut Tx<'_>) -> Answer + Send>;

enum Message {
    Job(Job),
    /// The access spool has entries.
    Wake,
    Stop,
}

/// The answer to a write, which comes when it is durable. Dropping it does not undo the write.
pub struct Pending<T> {
    answer: oneshot::Receiver<Result<T, Fault>>,
}

impl<T> Pending<T> {
    /// Blocks this thread until the write is durable. The writer has a thread of its own, so this ends wherever it is
    /// called; inside an asynchronous runtime it holds one of the runtime's threads meanwhile.
    pub fn wait(mut self) -> Result<T, Fault> {
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        let mut context = Context::from_waker(&waker);
        loop {
            match Pin::new(&mut self).poll(&mut context) {
                Poll::Ready(answer) => return answer,
                Poll::Pending => std::thread::park(),
            }
        }
    }

    pub(crate) fn refused(fault: Fault) -> Self {
        let (answer, pending) = oneshot::channel();
        drop(answer.send(Err(fault)));
        Pending { answer: pending }
    }
}

/// Wakes the thread that waits.
struct Unpark(std::thread::Thread);

impl std::task::Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl<T> Future for Pending<T> {
    type Output = Result<T, Fault>;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.answer).poll(cx).map(|got| got.unwrap_or_else(|_| Err(stopped())))
    }
}

fn stopped() -> Fault {
    Fault::unavailable("the store takes no more writes: the node must be restarted")
}

/// The handle of the writer thread.
pub(crate) struct Writer {
    inbox: SyncSender<Message>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub fn start(conn: Connection, shared: Arc<Shared>, at: Counters) -> Result<Self, Fault> {
        let (inbox, jobs) = sync_channel(QUEUE_JOBS_MAX);
        let (to_sync, packs) = sync_channel::<HashSet<u32>>(1);
        let (from_sync, synced) = sync_channel(1);
        let sync_shared = shared.clone();
        std::thread::Builder::new()
            .name("store-sync".into())
            .spawn(move || {
                while let Ok(wanted) = packs.recv() {
                    if from_sync.send(sync_shared.packs.sync(&wanted)).is_err() {
                        break;
                    }
                }
            })
            .or_fault()?;
        let mut run = Run {
            conn,
            shared,
            jobs,
            to_sync,
            synced,
            at,
            last_group: 0,
            blobs_known: 0,
            blobs_marked: 0,
            looked_at_disk: Clock::now(),
        };
        let thread =
            std::thread::Builder::new().name("store-write".into()).spawn(move || run.run()).or_fault()?;
        Ok(Writer { inbox, thread: Some(thread) })
    }

    pub fn write<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Pending<T> {
        let (answer, pending) = oneshot::channel();
        let job: Job = Box::new(move |tx| {
            let done = tx.job(f);
            // A caller that has gone away needs no answer.
            Box::new(move |ended| drop(answer.send(done.and_then(|value| ended.map(|()| value)))))
        });
        if let Err(TrySendError::Full(Message::Job(_))) = self.inbox.try_send(Message::Job(job)) {
            return Pending::refused(Fault::unavailable("too many writes wait"));
        }
        Pending { answer: pending }
    }

    /// Tells the writer that the access spool has entries; a full inbox means that it will look soon anyway.
    pub fn wake(&self) {
        drop(self.inbox.try_send(Message::Wake));
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.inbox.send(Message::Stop));
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
        {
            drop(thread.join());
        }
    }
}

struct Run {
    conn: Connection,
    shared: Arc<Shared>,
    jobs: Receiver<Message>,
    to_sync: SyncSender<HashSet<u32>>,
    synced: Receiver<Result<(), Fault>>,
    at: Counters,
    /// Jobs of the group before.
    last_group: usize,
    /// Blobs up to this row are on the disk: their groups have ended.
    blobs_known: i64,
    /// The same as the database says it.
    blobs_marked: i64,
    looked_at_disk: Clock,
}

impl Run {
    fn run(&mut self) {
        loop {
            // Entries of reads that wait are given a moment for company, with or without a job.
            let message = if self.shared.spool.waiting() == 0 {
                self.jobs.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                self.jobs.recv_timeout(SPOOL_TIME_MAX)
            };
            let (first, going_on) = match message {
                Ok(Message::Job(job)) => (Some(job), true),
                // Only says that the spool is to be looked at.
                Ok(Message::Wake) => continue,
                Err(RecvTimeoutError::Timeout) => (None, true),
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => (None, false),
            };
            let stop = self.group(first);
            if stop || !going_on {
                break;
            }
        }
        // What came in while stopping was asked for.
        while let Ok(message) = self.jobs.try_recv() {
            if let Message::Job(job) = message {
                self.group(Some(job));
            }
        }
        self.close();
    }

    /// Runs the jobs at hand in one transaction, and answers them. Says whether a stop came in between.
    fn group(&mut self, first: Option<Job>) -> bool {
        if self.shared.stopped.load(Ordering::Acquire) {
            // The job is dropped unrun: its caller gets the answer of a stopped store.
            return false;
        }
        if self.looked_at_disk.elapsed() >= DISK_LOOK_TIME {
            self.looked_at_disk = Clock::now();
            drop(self.shared.look_at_disk());
        }
        let mut answers = Vec::new();
        let mut stop = false;
        let ended = self.run_group(first, &mut answers, &mut stop);
        for answer in answers {
            answer(ended.clone());
        }
        stop
    }

    fn run_group(
        &mut self,
        first: Option<Job>,
        answers: &mut Vec<Answer>,
        stop: &mut bool,
    ) -> Result<(), Fault> {
        let shared = self.shared.clone();
        let mut tx = Tx::begin(&self.conn, &shared, self.at)?;
        let began = Clock::now();
        let mut next = first;
        while let Some(job) = next.take() {
            answers.push(job(&mut tx));
            if answers.len() >= GROUP_JOBS_MAX || began.elapsed() >= GROUP_TIME_MAX {
                break;
            }
            next = take_next(&self.jobs, answers.len() < self.last_group, began, stop);
        }
        self.last_group = answers.len();
        let prepared = take_spool(&mut tx).and_then(|spooled| {
            if self.blobs_known > self.blobs_marked {
                tx.set_meta(BLOB_MARK, self.blobs_known)?;
            }
            Ok((spooled, tx.newest_blob()?))
        });
        let (spooled, newest_blob) = match prepared {
            Ok(prepared) => prepared,
            Err(fault) => {
                drop(self.conn.execute_batch("ROLLBACK"));
                return Err(fault);
            }
        };
        let (at, fresh, packs) = (tx.at, std::mem::take(&mut tx.view.fresh), std::mem::take(&mut tx.packs));
        let documents = std::mem::take(&mut tx.documents);
        drop(tx);
        self.commit(packs)?;
        let changed = at.change != self.at.change;
        self.at = at;
        self.blobs_marked = self.blobs_known;
        self.blobs_known = newest_blob;
        shared.names.learn(&fresh);
        shared.count_written(&documents);
        if let Some(Err(fault)) = spooled.map(|last| shared.spool.done(last)) {
            tracing::warn!(%fault, "a file of the access spool could not be removed");
        }
        if changed {
            shared.changed.send_replace(at.change);
        }
        Ok(())
    }

    /// The transaction and the packs it refers to reach the disk side by side; nothing is answered before both have.
    fn commit(&mut self, packs: HashSet<u32>) -> Result<(), Fault> {
        let syncing = !packs.is_empty();
        if syncing && self.to_sync.send(packs).is_err() {
            drop(self.conn.execute_batch("ROLLBACK"));
            return Err(self.stop());
        }
        let committed = self.conn.execute_batch("COMMIT");
        let synced = if syncing { self.synced.recv().unwrap_or_else(|_| Err(stopped())) } else { Ok(()) };
        match (committed, synced) {
            (Ok(()), Ok(())) => Ok(()),
            // What a failed sync left on the disk is unknown: only a restart, which looks, may go on.
            (_, Err(_)) => Err(self.stop()),
            (Err(e), Ok(())) => {
                if e.sqlite_error_code() == Some(rusqlite::ErrorCode::SystemIoFailure) {
                    return Err(self.stop());
                }
                if !self.conn.is_autocommit() && self.conn.execute_batch("ROLLBACK").is_err() {
                    return Err(self.stop());
                }
                Err(e).or_fault()
            }
        }
    }

    fn stop(&self) -> Fault {
        tracing::error!("a sync failed: the store takes no more writes");
        self.shared.stopped.store(true, Ordering::Release);
        stopped()
    }

    /// Leaves the mark of a clean end, unless the end is not clean.
    fn close(&mut self) {
        while !self.shared.stopped.load(Ordering::Acquire) && self.shared.spool.waiting() > 0 {
            if self.run_group(None, &mut Vec::new(), &mut false).is_err() {
                return;
            }
        }
        if self.shared.stopped.load(Ordering::Acquire) {
            return;
        }
        let shared = self.shared.clone();
        let marked = Tx::begin(&self.conn, &shared, self.at).and_then(|tx| {
            let newest = tx.newest_blob()?;
            tx.set_meta(BLOB_MARK, newest)?;
            tx.set_meta(CLEAN_MARK, 1)?;
            self.conn.execute_batch("COMMIT").or_fault()
        });
        if marked.is_ok() {
            drop(self.conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)"));
        }
    }
}

/// Moves waiting audit entries of reads into the log.
pub(crate) fn take_spool(tx: &mut Tx<'_>) -> Result<Option<u64>, Fault> {
    let waiting = tx.shared.spool.peek(GROUP_SPOOL_MAX);
    let Some(last) = waiting.last().map(|(n, _)| *n) else { return Ok(None) };
    for (_, leaf) in &waiting {
        tx.append_leaf(leaf)?;
    }
    tx.set_meta(SPOOL_MARK, crate::view::signed(last))?;
    Ok(Some(last))
}

/// The next job at hand; waits a little while fewer have come than the last time.
fn take_next(jobs: &Receiver<Message>, expected: bool, began: Clock, stop: &mut bool) -> Option<Job> {
    loop {
        let message = match jobs.try_recv() {
            Ok(message) => message,
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => {
                let left = GATHER_TIME_MAX.checked_sub(began.elapsed()).filter(|_| expected)?;
                jobs.recv_timeout(left).ok()?
            }
        };
        match message {
            Message::Job(job) => return Some(job),
            Message::Wake => {}
            Message::Stop => {
                *stop = true;
                return None;
            }
        }
    }
}

/// In `meta`: entries of the access spool up to this number are in the log.
pub(crate) const SPOOL_MARK: &str = "spool mark";
/// In `meta`: 1 after a clean end, 0 while a process has the store open.
pub(crate) const CLEAN_MARK: &str = "clean";
