//! Calls over several connections that stay open, with their times and what they cost the node.

use crate::bench::frame::demo::Node;
use crate::bench::frame::http::Connection;
use crate::bench::frame::{cost, spread};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

pub const CONNECTIONS: usize = 4;

pub struct Load<'n> {
    node: &'n Node<'n>,
    pid: u64,
}

/// What a load came to.
pub struct Done {
    pub times: spread::Spread,
    pub calls: usize,
    /// Answers in which nothing was found.
    pub empty: usize,
    pub took_s: f64,
    pub cpu_s: f64,
    pub peak_mb: f64,
}

impl Done {
    pub fn per_second(&self) -> f64 {
        self.calls as f64 / self.took_s
    }
    /// Of the node, a call.
    pub fn cpu_ms(&self) -> f64 {
        self.cpu_s * 1000.0 / self.calls.max(1) as f64
    }
}

impl<'n> Load<'n> {
    pub fn of(node: &'n Node<'n>) -> Result<Self, String> {
        Ok(Load { node, pid: node.pid()? })
    }

    /// So many calls, numbered from 0; each says whether something was found.
    pub fn run(
        &self,
        calls: usize,
        call: impl Fn(&mut Connection, usize) -> Result<bool, String> + Sync,
    ) -> Result<Done, String> {
        cost::forget_peak(self.pid)?;
        let next = AtomicUsize::new(0);
        let (cpu, began) = (cost::cpu_seconds(self.pid)?, Instant::now());
        let one = || -> Result<(Vec<Duration>, usize), String> {
            let mut connection = Connection::open(self.node.http()?, self.node.token()?)?;
            let (mut times, mut empty) = (Vec::new(), 0);
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= calls {
                    return Ok((times, empty));
                }
                let at = Instant::now();
                empty += usize::from(!call(&mut connection, n)?);
                times.push(at.elapsed());
            }
        };
        let parts = std::thread::scope(|scope| {
            let all: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(one)).collect();
            let joined =
                all.into_iter().map(|t| t.join().map_err(|_| "a caller of the bench panicked".to_owned())?);
            joined.collect::<Result<Vec<_>, String>>()
        })?;
        Ok(Done {
            took_s: began.elapsed().as_secs_f64(),
            cpu_s: cost::cpu_seconds(self.pid)? - cpu,
            peak_mb: cost::peak_mb(self.pid)?,
            empty: parts.iter().map(|(_, empty)| empty).sum(),
            calls,
            times: spread::of(parts.into_iter().flat_map(|(times, _)| times).collect()),
        })
    }
}
