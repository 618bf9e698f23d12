//! A multipart body taken apart while it arrives (RFC 2046 section 5.1, PS3.18 section 8.6.1); no part is ever whole in memory.

use axum::body::{Body, BodyDataStream};
use badiano_kernel::Fault;
use bytes::{Buf, Bytes, BytesMut};
use futures_util::StreamExt;
use memchr::memmem;

/// Headers of one part.
const PART_HEAD_MAX: usize = 16 << 10;

pub(super) struct Multipart {
    stream: BodyDataStream,
    mark: Vec<u8>,
    buffer: BytesMut,
    /// A part is open.
    inside: bool,
    ended: bool,
}

/// What the headers of a part say; empty where they do not.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub content_type: String,
    pub content_location: String,
}

impl Head {
    fn read(bytes: &[u8]) -> Head {
        let text = String::from_utf8_lossy(bytes);
        let value = |name: &str| {
            let headers = text.lines().filter_map(|line| line.split_once(':'));
            let mut found = headers.filter(|(n, _)| n.trim().eq_ignore_ascii_case(name));
            found.next().map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        Head { content_type: value("content-type"), content_location: value("content-location") }
    }
}

/// The boundary that a content type names.
pub(super) fn boundary_of(kind: &str) -> Option<String> {
    let at = kind.to_ascii_lowercase().find("boundary=")?;
    let rest = &kind[at + 9..];
    let value = rest.strip_prefix('"').map_or_else(|| rest.split(';').next(), |r| r.split('"').next())?;
    let value = value.trim();
    (1..=70).contains(&value.len()).then(|| value.to_owned())
}

impl Multipart {
    pub fn new(body: Body, boundary: &str) -> Multipart {
        Multipart {
            stream: body.into_data_stream(),
            mark: format!("\r\n--{boundary}").into_bytes(),
            // A boundary at the very beginning has no line end before it; give it one.
            buffer: BytesMut::from(&b"\r\n"[..]),
            inside: false,
            ended: false,
        }
    }

    /// The next part, `None` behind the last; what was not read of the one before is passed over.
    pub async fn part(&mut self) -> Result<Option<Head>, Fault> {
        while self.bytes().await?.is_some() {}
        let found = loop {
            match memmem::find(&self.buffer, &self.mark) {
                Some(found) if self.buffer.len() >= found + self.mark.len() + 2 => break found,
                Some(_) => {}
                None => {
                    let keep = self.buffer.len().saturating_sub(self.mark.len());
                    self.buffer.advance(keep);
                }
            }
            self.more().await?;
        };
        self.buffer.advance(found + self.mark.len());
        if self.buffer.starts_with(b"--") {
            return Ok(None);
        }
        let end = loop {
            match memmem::find(&self.buffer, b"\r\n\r\n") {
                Some(end) => break end,
                None if self.buffer.len() > PART_HEAD_MAX => {
                    return Err(Fault::too_costly("the headers of a part are too long"));
                }
                None => self.more().await?,
            }
        };
        let head = Head::read(&self.buffer[..end]);
        // The last line end stays: a part without bytes has its boundary right behind it.
        self.buffer.advance(end + 4);
        self.inside = true;
        Ok(Some(head))
    }

    /// The next bytes of the part, `None` at its end.
    pub async fn bytes(&mut self) -> Result<Option<Bytes>, Fault> {
        while self.inside {
            let found = memmem::find(&self.buffer, &self.mark);
            self.inside = found.is_none();
            let ready = found.unwrap_or_else(|| self.buffer.len().saturating_sub(self.mark.len()));
            if ready > 0 {
                return Ok(Some(self.buffer.split_to(ready).freeze()));
            }
            if self.inside {
                self.more().await?;
            }
        }
        Ok(None)
    }

    async fn more(&mut self) -> Result<(), Fault> {
        if self.ended {
            return Err(Fault::invalid("the body ends before its last boundary"));
        }
        match self.stream.next().await {
            Some(Ok(chunk)) => self.buffer.extend_from_slice(&chunk),
            Some(Err(_)) => return Err(Fault::invalid("the body broke off")),
            None => self.ended = true,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All parts of a text that arrives in pieces of a size.
    async fn parts(text: &str, size: usize) -> Result<Vec<(Head, Vec<u8>)>, Fault> {
        let pieces: Vec<_> =
            text.as_bytes().chunks(size).map(|c| Ok::<_, std::io::Error>(c.to_vec())).collect();
        let mut body = Multipart::new(Body::from_stream(futures_util::stream::iter(pieces)), "b");
        let mut all = Vec::new();
        while let Some(head) = body.part().await? {
            let mut whole = Vec::new();
            while let Some(bytes) = body.bytes().await? {
                whole.extend_from_slice(&bytes);
            }
            all.push((head, whole));
        }
        Ok(all)
    }

    #[tokio::test]
    async fn parts_are_the_same_however_the_body_arrives() {
        let text = "before\r\n--b\r\nContent-Type: a/b; c=d\r\ncontent-location: x\r\n\r\n1\r\n--\r\n2\r\n--b\r\n\r\n\r\n--b\r\nX: y\r\n\r\nz\r\n--b--\r\nafter";
        for size in 1..text.len() {
            let all = parts(text, size).await.expect("it reads");
            let head = Head { content_type: "a/b; c=d".into(), content_location: "x".into() };
            assert_eq!(all[0], (head, b"1\r\n--\r\n2".to_vec()), "{size}");
            assert_eq!(all[1], (Head::default(), Vec::new()), "{size}");
            assert_eq!((all[2].1.as_slice(), all.len()), (&b"z"[..], 3), "{size}");
        }
        for cut in 3..text.len() - 12 {
            assert!(parts(&text[..cut], 7).await.is_err(), "{cut}");
        }
    }

    #[test]
    fn a_boundary_is_read_bare_and_in_quotes() {
        assert_eq!(
            boundary_of("multipart/related; type=\"application/dicom\"; boundary=abc").as_deref(),
            Some("abc")
        );
        assert_eq!(boundary_of("multipart/related; boundary=\"a b\"; type=x").as_deref(), Some("a b"));
        assert_eq!(boundary_of("multipart/related"), None);
    }
}
