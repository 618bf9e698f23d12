//! DICOM over associations (PS3.7, PS3.8): the listener, who may speak, and the table of services.

mod answer;
mod c_get;
mod c_move;
pub mod client;
mod commitment;
mod find;
mod modality_worklist;
mod mpps;
mod retrieve;
mod rim;
mod routing;
mod send;
mod store;
mod work;

use crate::gate::Gate;
use crate::tls::Tls;
use crate::wire;
use badiano_dicom::association::{Extended, Offer, Policy, Preference, PrivateStorage, Roles, StorageOffer};
use badiano_dicom::dictionary::{TRANSFER_SYNTAXES, uids};
use badiano_dicom::dimse::sop_class as sop;
use badiano_dicom::pdu::AsyncWindow;
use badiano_kernel::Fault;
use badiano_kernel::id::Uid;
use std::sync::Arc;
use tokio::net::TcpListener;

pub use crate::wire::fingerprint_of;
pub use commitment::carry as carry_commitments;
pub use routing::{Busy, carry_routes};

/// Associations served at once.
const ASSOCIATIONS_MAX: usize = 256;

/// The services beside storage that this node offers as SCP. `docs/conformance/dicom.md` is made from it.
pub const SERVICES: &[&str] = &[
    sop::VERIFICATION,
    sop::MODALITY_WORKLIST_FIND,
    sop::MODALITY_PERFORMED_PROCEDURE_STEP,
    sop::STORAGE_COMMITMENT_PUSH,
    sop::PATIENT_ROOT_FIND,
    sop::PATIENT_ROOT_MOVE,
    sop::PATIENT_ROOT_GET,
    sop::STUDY_ROOT_FIND,
    sop::STUDY_ROOT_MOVE,
    sop::STUDY_ROOT_GET,
];

/// Operations that a peer may have outstanding, where it asks for a window (PS3.7 D.3.3.3).
const INVOKED_MAX: u16 = 16;
/// Sub-operations that we have outstanding where a peer lets us.
const PERFORMED_MAX: u16 = 8;

/// Query: relational queries, combined date-time matching, fuzzy matching of names; retrieval: relational (PS3.4 C.5).
fn extended_of(class: &str) -> Extended {
    match class {
        sop::PATIENT_ROOT_FIND | sop::STUDY_ROOT_FIND => Extended::Flags(vec![1, 1, 1]),
        sop::PATIENT_ROOT_MOVE | sop::PATIENT_ROOT_GET | sop::STUDY_ROOT_MOVE | sop::STUDY_ROOT_GET => {
            Extended::Flags(vec![1])
        }
        _ => Extended::Ignored,
    }
}

/// What an association may agree on.
pub fn policy() -> Policy {
    let uid = |text: &str| Uid::parse(text).expect("constants of the standard are UIDs");
    let plain = vec![uid(uids::EXPLICIT_VR_LITTLE_ENDIAN), uid(uids::IMPLICIT_VR_LITTLE_ENDIAN)];
    let offer = |class: &&str| Offer {
        abstract_syntax: uid(class),
        transfer_syntaxes: plain.clone(),
        roles: Roles::DEFAULT,
        extended: extended_of(class),
    };
    Policy {
        offers: SERVICES.iter().map(offer).collect(),
        storage: Some(StorageOffer {
            standard: true,
            private: PrivateStorage::Any,
            transfer_syntaxes: TRANSFER_SYNTAXES.iter().map(|t| uid(t.uid)).collect(),
            // A peer that asks by C-GET receives on the same association.
            roles: Roles::BOTH,
            extended: Extended::Ignored,
        }),
        preference: Preference::Theirs,
        contexts_max: 128,
        p_data_length_max: badiano_dicom::association::P_DATA_LENGTH_ANNOUNCED,
        window: AsyncWindow { invoked: INVOKED_MAX, performed: PERFORMED_MAX },
    }
}

/// Serves until the process ends, in the clear and over TLS at the same address.
pub async fn serve(gate: Gate, tls: Arc<Tls>, listener: TcpListener) -> Result<(), Fault> {
    let slots = Arc::new(tokio::sync::Semaphore::new(ASSOCIATIONS_MAX));
    let policy = Arc::new(policy());
    loop {
        let slot =
            slots.clone().acquire_owned().await.map_err(|_| Fault::bug("the semaphore is never closed"))?;
        let (stream, remote) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a DICOM connection could not be taken");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                continue;
            }
        };
        let (gate, tls, policy) = (gate.clone(), tls.clone(), policy.clone());
        tokio::spawn(async move {
            let served = async {
                let wire = wire::Wire::accept(&tls, stream, wire::BEGIN).await?;
                rim::run(gate, &policy, wire, remote).await
            };
            if let Err(error) = served.await {
                tracing::info!(%error, "a DICOM association ended early");
            }
            drop(slot);
        });
    }
}
