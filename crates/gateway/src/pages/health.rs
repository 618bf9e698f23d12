//! Liveness, readiness and metrics (Prometheus text format 0.0.4), the log's checkpoint and key (C2SP tlog-checkpoint). No patient data.

use crate::gate::Gate;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use badiano_kernel::Instant;
use badiano_record::condition::Condition;
use std::fmt::Write as _;

/// The process answers.
pub async fn livez() -> &'static str {
    "ok\n"
}

/// The store can be read and takes writes.
pub async fn readyz(State(gate): State<Gate>) -> Response {
    match gate.node.condition(Instant::now()) {
        Ok(condition) if condition.writes_taken => (StatusCode::OK, "ok\n").into_response(),
        Ok(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "writes are not taken: the disk is nearly full or failed\n")
                .into_response()
        }
        Err(fault) => {
            tracing::error!(%fault, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the store cannot be read\n").into_response()
        }
    }
}

pub async fn metrics(State(gate): State<Gate>) -> Response {
    let now = Instant::now();
    match gate.node.condition(now) {
        Ok(condition) => {
            ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], gauges(&condition, now)).into_response()
        }
        Err(fault) => {
            tracing::error!(%fault, "metrics");
            (StatusCode::SERVICE_UNAVAILABLE, "the store cannot be read\n").into_response()
        }
    }
}

/// The newest signed checkpoint of the audit log, for whoever checks proofs or witnesses the log.
pub async fn checkpoint(State(gate): State<Gate>) -> Response {
    plain(gate.node.log().checkpoint())
}

/// The key that the checkpoint is checked with, as a verifier line.
pub async fn log_key(State(gate): State<Gate>) -> Response {
    plain(format!("{}\n", gate.node.log().verifier().to_line()))
}

/// The key that this node's cosignatures of other logs are checked with, as a verifier line.
pub async fn witness_key(State(gate): State<Gate>) -> Response {
    plain(format!("{}\n", gate.node.witness_verifier().to_line()))
}

/// The certificate of this node's authority: what a hospital that joins checks the hub by. It is no secret; that it is the
/// right one is told by another way.
pub async fn authority(State(gate): State<Gate>) -> Response {
    match gate.node.identity(&[], Instant::now()).await {
        Ok(identity) => plain(identity.authority),
        Err(fault) => crate::reply::Refusal::page(fault).into_response(),
    }
}

fn plain(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")], text)
        .into_response()
}

fn gauges(at: &Condition, now: Instant) -> String {
    let mut text = String::new();
    let mut gauge = |name: &str, what: &str, value: i128| {
        write!(text, "# HELP {name} {what}\n# TYPE {name} gauge\n{name} {value}\n")
            .expect("a string takes any text");
    };
    gauge(
        "badiano_uptime_seconds",
        "Seconds since the node was opened.",
        i128::from(now.seconds() - at.opened.seconds()),
    );
    gauge(
        "badiano_disk_free_bytes",
        "Free bytes on the disk of the data directory.",
        i128::from(at.free_bytes),
    );
    gauge("badiano_disk_size_bytes", "Size of that disk.", i128::from(at.total_bytes));
    gauge("badiano_store_writes_taken", "1 when writes are taken.", i128::from(at.writes_taken));
    gauge("badiano_store_wal_bytes", "Bytes of the write-ahead log.", i128::from(at.wal_bytes));
    gauge("badiano_audit_spooled_entries", "Entries of reads not yet in the log.", count(at.spool_waiting));
    gauge("badiano_audit_entries", "Entries in the audit log.", i128::from(at.log_entries));
    if let Some(signed) = at.checkpoint_at {
        gauge(
            "badiano_audit_checkpoint_timestamp_seconds",
            "When the log last grew and was signed.",
            i128::from(signed.seconds()),
        );
    }
    gauge("badiano_witness_alarms", "Logs that showed another history to this witness.", count(at.alarms));
    gauge("badiano_queue_waiting_items", "Items that wait in a durable queue.", count(at.waiting));
    gauge("badiano_queue_stuck_items", "Items that wait for a person.", count(at.stuck));
    if let Some(age) = at.consent_age_seconds {
        gauge(
            "badiano_consent_age_seconds",
            "Seconds since the hub was last heard on consent.",
            i128::from(age),
        );
    }
    text
}

fn count(n: usize) -> i128 {
    i128::try_from(n).unwrap_or(i128::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use badiano_record::condition::DiskState;

    #[test]
    fn every_gauge_is_named_typed_and_given_once() {
        let condition = Condition {
            opened: Instant::from_seconds(100),
            free_bytes: 5,
            total_bytes: 10,
            disk: DiskState::Ok,
            writes_taken: true,
            wal_bytes: 1,
            spool_waiting: 2,
            log_entries: 3,
            alarms: 0,
            checkpoint_at: None,
            waiting: 4,
            stuck: 1,
            consent_age_seconds: None,
        };
        let text = gauges(&condition, Instant::from_seconds(160));
        assert!(text.contains("\nbadiano_uptime_seconds 60\n"), "{text}");
        assert!(text.contains("\nbadiano_queue_stuck_items 1\n"), "{text}");
        assert!(!text.contains("consent_age"), "what is not known is not given");
        for line in text.lines().filter(|l| !l.starts_with('#')) {
            let name = line.split(' ').next().expect("a name");
            assert_eq!(text.matches(&format!("# TYPE {name} gauge")).count(), 1, "{name}");
        }
    }
}
