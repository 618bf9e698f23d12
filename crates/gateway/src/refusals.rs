//! Who was refused at an HTTP door goes into the log before the refusal leaves: a known principal by name, a stranger by address.

use crate::caller::Connection;
use crate::gate::Gate;
use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use badiano_kernel::Instant;
use badiano_record::Session;
use std::sync::{Arc, OnceLock};

/// Where `Caller` leaves whom it has made out, for the log.
#[derive(Clone, Default)]
pub(crate) struct MadeOut(Arc<OnceLock<Session>>);

impl MadeOut {
    pub fn put(&self, session: Session) {
        // The first one stands: a request has one caller.
        let _ = self.0.set(session);
    }
}

pub(crate) async fn note(
    State(gate): State<Gate>,
    path: MatchedPath,
    mut request: Request,
    next: Next,
) -> Response {
    let door = format!("{} {}", request.method(), path.as_str());
    let address = request.extensions().get::<Connection>().map(|c| c.remote.ip().to_canonical().to_string());
    let made_out = MadeOut::default();
    request.extensions_mut().insert(made_out.clone());
    let response = next.run(request).await;
    // What is hidden answers as if it were not there: for somebody known, that may be a refusal too.
    let hidden = response.status() == StatusCode::NOT_FOUND && made_out.0.get().is_some();
    if hidden || matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        let noted = match made_out.0.get() {
            Some(session) => session.note_refused_at(&door),
            None => gate.node.note_stranger(&door, &address.unwrap_or_default(), Instant::now()),
        };
        if let Err(fault) = noted {
            // Nothing was shown: the refusal stands, whether or not it could be noted.
            tracing::error!(%fault, "a refusal is not in the log");
        }
    }
    response
}
