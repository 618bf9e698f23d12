//! What a refused client is still sending is read and thrown away, within limits, so that it hears the refusal instead of a broken
//! connection, and can ask again on the same one (RFC 9112, section 9.6).

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Version, header};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Frame, SizeHint};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

/// A body that has more to come is cut off with its connection.
const UNREAD_BYTES_MAX: usize = 4 << 20;
/// So is one that comes slowly.
const UNREAD: Duration = Duration::from_secs(5);

type Left = Arc<Mutex<Option<Body>>>;

/// A request's body; what a handler leaves of it is found in `left`.
struct Kept {
    body: Body,
    left: Left,
}

impl Drop for Kept {
    fn drop(&mut self) {
        *self.left.lock().expect("no holder of a body panics") = Some(std::mem::take(&mut self.body));
    }
}

impl hyper::body::Body for Kept {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }
    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

pub(crate) async fn read(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (version, left) = (request.version(), Left::default());
    let kept = left.clone();
    let mut response = next.run(request.map(|body| Body::new(Kept { body, left: kept }))).await;
    let rest = left.lock().expect("no holder of a body panics").take();
    if let Some(rest) = rest.filter(|rest| !rest.is_end_stream())
        && !read_to_end(rest).await
        && version <= Version::HTTP_11
    {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Whether the body came to its end within the limits.
async fn read_to_end(mut body: Body) -> bool {
    let end = async {
        let mut read = 0;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return false };
            read += frame.data_ref().map_or(0, Bytes::len);
            if read > UNREAD_BYTES_MAX {
                return false;
            }
        }
        true
    };
    tokio::time::timeout(UNREAD, end).await.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::http::StatusCode;
    use axum::middleware::from_fn;
    use axum::routing::post;

    #[tokio::test]
    async fn what_nobody_reads_is_read_up_to_the_limit_and_the_connection_closed_beyond_it() {
        let refusing = Router::new().route("/", post(|| async { StatusCode::UNAUTHORIZED }));
        let service = hyper_util::service::TowerToHyperService::new(refusing.layer(from_fn(read)));
        for (bytes, closes) in [(1, false), (UNREAD_BYTES_MAX, false), (UNREAD_BYTES_MAX + 1, true)] {
            let request = Request::post("/").body(Body::from(vec![0; bytes])).expect("a request");
            let response = hyper::service::Service::call(&service, request).await.expect("an answer");
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
            assert_eq!(response.headers().contains_key(header::CONNECTION), closes, "{bytes}");
        }
    }
}
