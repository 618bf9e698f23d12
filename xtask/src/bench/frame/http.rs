//! A connection that stays open, for loads of HTTP/1.1 (RFC 9112): little work of its own beside what is measured.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest answer that is read whole.
const BODY_BYTES_MAX: usize = 1 << 30;
const WAIT_MAX: Duration = Duration::from_secs(60);

pub struct Connection {
    stream: BufReader<TcpStream>,
    token: String,
}

/// What came back.
pub struct Answer {
    pub status: u16,
    /// `Content-Location`: where a job tells how far it is.
    pub place: String,
    pub body: Vec<u8>,
}

impl Connection {
    pub fn open(to: SocketAddr, token: &str) -> Result<Self, String> {
        let stream = TcpStream::connect(to).map_err(|e| format!("{to}: {e}"))?;
        let set = stream.set_nodelay(true).and_then(|()| stream.set_read_timeout(Some(WAIT_MAX)));
        set.map_err(|e| format!("{to}: {e}"))?;
        Ok(Connection { stream: BufReader::new(stream), token: token.to_owned() })
    }

    /// The body of an answer that is a success.
    pub fn get(&mut self, path: &str) -> Result<Vec<u8>, String> {
        let answer = self.send("GET", path, "application/fhir+json", &[])?;
        if answer.status != 200 {
            return Err(format!("GET {path}: {}", answer.status));
        }
        Ok(answer.body)
    }

    /// One request and its answer; `media` is both what is sent and what is asked for.
    pub fn send(&mut self, method: &str, path: &str, media: &str, body: &[u8]) -> Result<Answer, String> {
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nAccept: {media}\r\n",
            self.token
        );
        if !body.is_empty() {
            request.push_str(&format!("Content-Type: {media}\r\nContent-Length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        // One write: a request in two packets waits for an acknowledgement of the first.
        let bytes = [request.as_bytes(), body].concat();
        let answer = self.stream.get_mut().write_all(&bytes).and_then(|()| self.answer());
        answer.map_err(|e| format!("{method} {path}: {e}"))
    }

    fn answer(&mut self) -> std::io::Result<Answer> {
        let status = self.line()?;
        let status = status.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or_else(odd)?;
        let (mut length, mut chunked, mut place) = (0, false, String::new());
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().map_err(|_| odd())?,
                "content-location" => value.trim().clone_into(&mut place),
                "transfer-encoding" => chunked = value.trim().eq_ignore_ascii_case("chunked"),
                _ => {}
            }
        }
        let mut body = Vec::new();
        if !chunked {
            self.take(length, &mut body)?;
            return Ok(Answer { status, place, body });
        }
        loop {
            let size = self.line()?;
            let size = size.split(';').next().unwrap_or_default();
            let size = usize::from_str_radix(size.trim(), 16).map_err(|_| odd())?;
            self.take(size, &mut body)?;
            // The end of the chunk; after the last one, of the trailers, which our nodes never send.
            self.line()?;
            if size == 0 {
                return Ok(Answer { status, place, body });
            }
        }
    }

    /// Without its end.
    fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }

    fn take(&mut self, count: usize, body: &mut Vec<u8>) -> std::io::Result<()> {
        if count > BODY_BYTES_MAX - body.len() {
            return Err(odd());
        }
        let from = body.len();
        body.resize(from + count, 0);
        self.stream.read_exact(&mut body[from..])
    }
}

fn odd() -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, "not an answer of HTTP/1.1 as our nodes give them")
}

#[cfg(test)]
mod tests {
    use super::{Connection, Read, Write};
    use std::net::TcpListener;

    #[test]
    fn answers_with_a_length_and_in_chunks_are_read_on_one_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let answers = [
                "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nhola",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nque\r\n4\r\n tal\r\n0\r\n\r\n",
                "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
            ];
            for answer in answers {
                assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        let mut connection = Connection::open(at, "secret").unwrap();
        assert_eq!(connection.get("/a").unwrap(), b"hola");
        assert_eq!(connection.get("/b").unwrap(), b"que tal");
        assert_eq!(connection.get("/c").unwrap_err(), "GET /c: 404");
        server.join().unwrap();
    }
}
