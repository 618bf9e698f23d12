//! Listed DICOM and HL7 v2 peers, for the administrator: list, add or change, test, suspend (`Peers` of `web/src/api.ts`).

use super::form::{English, Json, Refused, json};
use crate::caller::Caller;
use crate::{dimse, mllp};
use axum::extract::Path;
use axum::response::Response;
use badiano_record::peers::{Peer, PeerKind, Stranger};
use serde::{Deserialize, Serialize};
use std::time::Instant as Clock;

#[derive(Serialize)]
struct Peers {
    peers: Vec<Peer>,
    strangers: Vec<Stranger>,
}

#[derive(Deserialize)]
pub struct PeerWrite {
    kind: PeerKind,
    name: String,
    #[serde(default)]
    description: String,
    host: String,
    #[serde(default)]
    port: u16,
    #[serde(default)]
    institution: String,
    /// What it must show over TLS: SHA-256 in hexadecimal, or PEM. Where nothing is said, it stays what it was.
    #[serde(default)]
    certificate: Option<String>,
}

#[derive(Deserialize)]
pub struct Active {
    pub active: bool,
}

#[derive(Serialize)]
struct PeerTest {
    ok: bool,
    text: String,
    milliseconds: u64,
}

pub async fn list(caller: Caller) -> Result<Response, Refused> {
    let (peers, strangers) = caller.session().list_peers()?;
    json(&Peers { peers, strangers })
}

/// A peer is known by its kind and name: the same again is a change, and a suspended one stays suspended.
pub async fn put(caller: Caller, Json(mut asked): Json<PeerWrite>) -> Result<Response, Refused> {
    asked.certificate = asked.certificate.as_deref().map(dimse::fingerprint_of).transpose()?;
    let session = caller.session();
    let (known, _) = session.list_peers()?;
    json(&session.put_peer(merged(asked, &known)).await?)
}

fn merged(asked: PeerWrite, known: &[Peer]) -> Peer {
    let name = asked.name.trim();
    let before = known.iter().find(|p| p.kind == asked.kind && p.name == name);
    Peer {
        id: before.map(|p| p.id.clone()).unwrap_or_default(),
        active: before.is_none_or(|p| p.active),
        name: name.to_owned(),
        kind: asked.kind,
        description: asked.description,
        host: asked.host.trim().to_owned(),
        port: asked.port,
        institution: asked.institution,
        certificate: match (asked.certificate, before) {
            (Some(certificate), _) => certificate,
            (None, before) => before.map(|p| p.certificate.clone()).unwrap_or_default(),
        },
    }
}

pub async fn set_active(
    caller: Caller,
    Path(id): Path<String>,
    Json(asked): Json<Active>,
) -> Result<Response, Refused> {
    let session = caller.session();
    session.set_peer_active(&id, asked.active).await?;
    json(&session.peer(&id)?)
}

/// Asks the peer whether it is there. That it is not is an answer, not a fault.
pub async fn test(
    caller: Caller,
    Path(id): Path<String>,
    English(english): English,
) -> Result<Response, Refused> {
    let peer = caller.session().peer(&id)?;
    if peer.port == 0 {
        let text = if english {
            "This peer only sends: there is nothing to call."
        } else {
            "Este equipo solo envía: no hay a dónde llamar."
        };
        return json(&PeerTest { ok: false, text: text.to_owned(), milliseconds: 0 });
    }
    let begun = Clock::now();
    let outcome = match peer.kind {
        PeerKind::Dicom => dimse::client::echo(&caller.gate, &peer).await,
        PeerKind::Hl7 => mllp::sender::ping(&caller.gate, &peer).await,
    };
    let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    match outcome {
        Ok(()) => {
            let text = if english { "The peer answered." } else { "El equipo respondió." };
            json(&PeerTest { ok: true, text: text.to_owned(), milliseconds })
        }
        Err(fault) => {
            let text = if english {
                fault.to_string()
            } else {
                format!("El equipo no respondió a la prueba ({fault}).")
            };
            json(&PeerTest { ok: false, text, milliseconds })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_written_again_keeps_its_id_and_stays_suspended() {
        let known = Peer {
            id: "7".into(),
            kind: PeerKind::Dicom,
            name: "CT1".into(),
            description: String::new(),
            host: "10.0.0.1".into(),
            port: 104,
            institution: "DFSSA000001".into(),
            certificate: "ab".into(),
            active: false,
        };
        let write = |kind: PeerKind, name: &str| PeerWrite {
            kind,
            name: name.into(),
            description: "Tomógrafo".into(),
            host: " 10.0.0.2 ".into(),
            port: 104,
            institution: String::new(),
            certificate: None,
        };
        let again = merged(write(PeerKind::Dicom, "CT1 "), std::slice::from_ref(&known));
        assert_eq!((again.id.as_str(), again.active, again.host.as_str()), ("7", false, "10.0.0.2"));
        assert_eq!(again.certificate, "ab", "a change that does not speak of it takes no lock away");
        let other = merged(write(PeerKind::Hl7, "CT1"), &[known]);
        assert_eq!((other.id.as_str(), other.active), ("", true));
    }
}
