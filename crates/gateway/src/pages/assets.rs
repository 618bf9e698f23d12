//! The built pages and the viewer, embedded in the binary as gzip, and the policies they are sent with (W3C CSP Level 3).

/// A file as it is sent.
#[derive(Debug, Clone, Copy)]
pub struct Asset {
    pub content_type: &'static str,
    /// In quotes, as it stands in the header (RFC 9110, 8.8.3).
    pub etag: &'static str,
    /// The body; always sent with `Content-Encoding: gzip`.
    pub gzip: &'static [u8],
    /// Length once opened, in bytes.
    pub length: u64,
    /// Its address changes with its content.
    pub immutable: bool,
    /// Policy and isolation that it is sent with.
    pub headers: &'static [(&'static str, &'static str)],
}

/// One row of the table that the build script makes.
#[derive(Debug)]
struct Embedded {
    path: &'static str,
    content_type: &'static str,
    etag: &'static str,
    length: u64,
    gzip: &'static [u8],
    immutable: bool,
}

/// Sorted by path.
static TABLE: &[Embedded] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// What is answered with 503 when the binary was built without the pages.
pub const NOT_BUILT: &str = "pages are not built into this binary: run cargo xtask web";

/// For files that change their address when they change.
pub const CACHE_IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// For the others: kept, and asked for again by ETag each time.
pub const CACHE_REVALIDATE: &str = "no-cache";

/// Our own pages: nothing inline, nothing from outside, in nobody's frame. `data:` is for the QR code of a second factor.
pub const CSP_PAGES: &str = "default-src 'self'; img-src 'self' data:; frame-src 'self'; worker-src 'none'; object-src 'none'; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The viewer: codecs are WebAssembly, its rendering writes styles and makes images and workers from blobs, and it stands in our frame.
pub const CSP_VISOR: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; \
     object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

/// Scripts of the viewer. A browser heeds it only where the script is a worker: the bindings of the codecs there (JPEG-LS, JPEG 2000)
/// make functions from text, so that they need what the page itself is refused.
pub const CSP_VISOR_WORKERS: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval' 'unsafe-eval'; connect-src 'self'; worker-src 'self' blob:";

/// Headers of our own pages. Isolation is asked for on both, or the viewer in our frame would not have it.
pub const HEADERS_PAGES: &[(&str, &str)] = &[
    ("content-security-policy", CSP_PAGES),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-embedder-policy", "require-corp"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
];

/// Headers of the viewer.
pub const HEADERS_VISOR: &[(&str, &str)] = &[
    ("content-security-policy", CSP_VISOR),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-embedder-policy", "require-corp"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
];

/// Headers of the viewer's scripts.
pub const HEADERS_VISOR_SCRIPTS: &[(&str, &str)] = &[
    ("content-security-policy", CSP_VISOR_WORKERS),
    ("cross-origin-embedder-policy", "require-corp"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
];

/// Whether the pages are in this binary at all.
pub fn are_built() -> bool {
    !TABLE.is_empty()
}

/// The file at a path of the address (`/`, `/assets/x.js`, `/visor/viewer`). Addresses inside the viewer are its page.
pub fn find(path: &str) -> Option<Asset> {
    let name = path.strip_prefix('/')?;
    let name = if name.is_empty() { "index.html" } else { name };
    if let Some(asset) = exactly(name) {
        return Some(asset);
    }
    let inside = name == "visor" || name.strip_prefix("visor/").is_some_and(is_viewer_route);
    if inside { exactly("visor/index.html") } else { None }
}

/// `viewer`, `viewer/nacional`: words with no ending. A file that is missing stays missing.
fn is_viewer_route(rest: &str) -> bool {
    !rest.contains('.') && rest.split('/').count() <= 3
}

fn exactly(name: &str) -> Option<Asset> {
    let at = TABLE.binary_search_by(|row| row.path.cmp(name)).ok()?;
    let row = &TABLE[at];
    let headers = match (row.path.starts_with("visor/"), row.path.ends_with(".js")) {
        (true, true) => HEADERS_VISOR_SCRIPTS,
        (true, false) => HEADERS_VISOR,
        (false, _) => HEADERS_PAGES,
    };
    Some(Asset {
        content_type: row.content_type,
        etag: row.etag,
        gzip: row.gzip,
        length: row.length,
        immutable: row.immutable,
        headers,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn the_table_is_sorted_and_every_file_opens_to_its_length_and_hash() {
        assert!(TABLE.is_sorted_by(|a, b| a.path < b.path), "the table is not sorted by path");
        for row in TABLE {
            let mut open = Vec::new();
            flate2::read::GzDecoder::new(row.gzip).read_to_end(&mut open).expect(row.path);
            assert_eq!(open.len() as u64, row.length, "{}", row.path);
            let hash = ring::digest::digest(&ring::digest::SHA256, &open);
            let hash: String = hash.as_ref().iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!(row.etag, format!("\"{hash}\""), "{}", row.path);
        }
    }

    #[test]
    fn an_address_that_climbs_or_has_no_slash_is_not_found() {
        for path in [
            "",
            "index.html",
            "/../Cargo.toml",
            "/visor/../index.html",
            "/%2e%2e/x",
            "//index.html",
            "/visor/a/b/c/d",
        ] {
            assert!(find(path).is_none(), "{path}");
        }
    }

    #[test]
    fn own_pages_allow_nothing_inline_and_nothing_from_outside() {
        for directive in ["unsafe-inline", "unsafe-eval", "http:", "https:", "*"] {
            assert!(!CSP_PAGES.contains(directive), "{directive}");
        }
        for policy in [CSP_VISOR, CSP_VISOR_WORKERS] {
            assert!(
                !policy.contains("http") && !policy.contains('*'),
                "the viewer may call nobody outside: {policy}"
            );
        }
        assert!(
            !CSP_VISOR.contains("'unsafe-eval'"),
            "only the workers of the viewer make functions from text"
        );
    }

    #[test]
    fn where_pages_are_built_the_viewers_own_addresses_are_its_page_and_missing_files_are_missing() {
        if !are_built() {
            assert!(find("/").is_none() && find("/visor/viewer").is_none());
            return;
        }
        let page = find("/visor/").expect("the viewer's page");
        assert_eq!(find("/visor/viewer/nacional").expect("a route of the viewer").etag, page.etag);
        assert_eq!(page.headers, HEADERS_VISOR);
        assert!(!page.immutable, "a page is asked for again each time");
        assert_eq!(find("/").expect("our page").headers, HEADERS_PAGES);
        assert!(find("/visor/sw.js").is_none() && find("/visor/init-service-worker.js").is_none());
        assert!(find("/assets/none.js").is_none());
    }
}
