//! The table of jobs: what a node does by itself, how often, and under which name it stands in the audit.

use crate::roles::Part;
use badiano_exchange::notifier::{self, Notifier};
use badiano_exchange::{courier, join, witnessing};
use badiano_gateway::{Gate, dimse, mllp};
use badiano_kernel::{Fault, Instant};
use badiano_record::NodeRole;
use badiano_record::authority::CERTIFICATE_DAYS;
use badiano_record::witnessing::EPOCH_SECONDS;
use std::time::Duration;

/// How often the node looks at how long its certificate is still good.
const CERTIFICATE_LOOK: Duration = Duration::from_secs(3600);

/// Runs the job of a part until the process ends. Doors are started by `serve`.
pub async fn run(part: Part, gate: Gate) {
    match part {
        Part::Dimse => {
            every(Duration::from_millis(500), || async {
                dimse::carry_commitments(&gate, Instant::now()).await.map(|_| ())
            })
            .await
        }
        Part::Routing => {
            let busy = dimse::Busy::default();
            every(Duration::from_millis(500), || async {
                dimse::carry_routes(&gate, &busy, Instant::now()).map(|_| ())
            })
            .await
        }
        Part::AuditTree => {
            every(Duration::from_secs(1), || async { gate.node.advance_log(Instant::now()).map(|_| ()) })
                .await
        }
        Part::Witnesses => {
            every(Duration::from_secs(EPOCH_SECONDS.unsigned_abs()), || async {
                witnessing::ask_witnesses(&gate.node, &gate.wire()?, Instant::now()).await.map(|_| ())
            })
            .await
        }
        Part::ImagingRecord => {
            every(Duration::from_millis(300), || async {
                gate.node.refresh_imaging_studies(Instant::now()).await.map(|_| ())
            })
            .await;
        }
        Part::Mllp => {
            every(Duration::from_millis(500), || async {
                mllp::sender::carry_results(&gate, Instant::now()).await.map(|_| ())
            })
            .await
        }
        Part::Certificates => every(CERTIFICATE_LOOK, || keep_certificate(&gate)).await,
        Part::Expiry => {
            every(Duration::from_secs(600), || async {
                gate.node.forget_expired(Instant::now()).await.map(|_| ())
            })
            .await
        }
        Part::Identity => {
            every(Duration::from_secs(1), || async {
                gate.node.consider_identities(Instant::now()).await.map(|_| ())
            })
            .await
        }
        Part::Notices => {
            every(Duration::from_secs(2), || async {
                gate.node.tell_of_amendments(Instant::now()).await?;
                gate.node.escalate_critical(Instant::now()).await.map(|_| ())
            })
            .await
        }
        Part::Bulk => {
            every(Duration::from_millis(500), || async {
                while gate.node.advance_bulk(Instant::now()).await? {}
                while gate.node.advance_search_parameters(Instant::now()).await? {}
                Ok(())
            })
            .await;
        }
        Part::Subscriptions => tell_subscribers(&gate).await,
        Part::Courier => carry(&gate).await,
        Part::ConsentLease => keep_lease(&gate).await,
    }
}

/// Hears the hub on consent while it can be reached, and asks again soon when it cannot: the lease is running.
async fn keep_lease(gate: &Gate) {
    loop {
        let heard = match gate.wire() {
            Ok(wire) => courier::catch_up(&gate.node, &wire, Instant::now()).await,
            Err(fault) => Err(fault),
        };
        let wait = match heard {
            Ok(()) => courier::HEARTBEAT,
            Err(fault) => {
                tracing::warn!(%fault, "the hub was not heard on consent");
                Duration::from_secs(2)
            }
        };
        tokio::time::sleep(wait).await;
    }
}

/// Renews when half of the certificate's time has passed: there is as much left to try again in.
async fn keep_certificate(gate: &Gate) -> Result<(), Fault> {
    let now = Instant::now();
    let half = CERTIFICATE_DAYS * 86_400 / 2;
    if gate.node.certificate_ends()? < now.plus_seconds(half) {
        join::renew(&gate.node, &gate.wire()?, now).await?;
        tracing::info!("the node's certificate was renewed");
    }
    if gate.node.settings().role == NodeRole::Hub {
        gate.node.refresh_revocations(now).await?;
    }
    Ok(())
}

/// Carries as soon as something changes, and now and then for what waits for its time.
async fn carry(gate: &Gate) {
    let mut changed = gate.node.changed();
    loop {
        if let Ok(wire) = gate.wire()
            && let Err(fault) = courier::carry(&gate.node, &wire, Instant::now()).await
        {
            tracing::warn!(%fault, "courier");
        }
        let wait = tokio::time::timeout(Duration::from_secs(1), changed.changed()).await;
        if matches!(wait, Ok(Err(_))) {
            return;
        }
    }
}

/// Looks at changes as they come, and tells subscribers by HTTP; websockets tell their own.
async fn tell_subscribers(gate: &Gate) {
    let notifier = match Notifier::new(&gate.options.subscribers) {
        Ok(notifier) => notifier,
        Err(fault) => return tracing::error!(%fault, "subscribers cannot be told"),
    };
    let base = format!("{}/fhir", gate.options.address);
    tokio::join!(notifier::carry(&gate.node, &notifier, &base), watch_changes(gate));
}

async fn watch_changes(gate: &Gate) {
    let mut changed = gate.node.changed();
    loop {
        loop {
            match gate.node.watch_changes(Instant::now()).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(fault) => {
                    tracing::warn!(%fault, "changes cannot be looked at for subscribers");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    break;
                }
            }
        }
        // What comes together is looked at together; time passes too: subscriptions end.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let wait = tokio::time::timeout(Duration::from_secs(30), changed.changed()).await;
        if matches!(wait, Ok(Err(_))) {
            return;
        }
    }
}

async fn every<F, Fut>(period: Duration, job: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<(), Fault>>,
{
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        if let Err(fault) = job().await {
            tracing::warn!(%fault, "a job failed and will be tried again");
        }
    }
}
