//! The pairs of a query string or form, decoded (WHATWG URL, application/x-www-form-urlencoded).

/// Pairs in their order; broken escapes stay as they are.
pub fn pairs(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| -> String {
        let bytes = text.as_bytes();
        let mut out = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while at < bytes.len() {
            let hex = bytes
                .get(at + 1..at + 3)
                .and_then(|h| std::str::from_utf8(h).ok())
                .and_then(|h| u8::from_str_radix(h, 16).ok());
            match (bytes[at], hex) {
                (b'+', _) => out.push(b' '),
                (b'%', Some(byte)) => {
                    out.push(byte);
                    at += 2;
                }
                (other, _) => out.push(other),
            }
            at += 1;
        }
        String::from_utf8_lossy(&out).into_owned()
    };
    let split = query.split('&').filter(|p| !p.is_empty());
    split.map(|p| p.split_once('=').unwrap_or((p, ""))).map(|(k, v)| (decode(k), decode(v))).collect()
}

#[cfg(test)]
mod tests {
    use super::pairs;

    #[test]
    fn a_form_is_decoded_and_broken_escapes_stay() {
        assert_eq!(
            pairs("a=b%20c+d&e&f=%zz%"),
            [("a".into(), "b c d".into()), ("e".into(), String::new()), ("f".into(), "%zz%".into())]
        );
    }
}
