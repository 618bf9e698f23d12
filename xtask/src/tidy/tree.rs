//! The files that git has or would take, with their text.

use std::path::Path;
use std::process::Command;

pub struct File {
    /// From the root, with `/`.
    pub path: String,
    /// Nothing where the file is not UTF-8.
    pub text: Option<String>,
}

pub struct Tree {
    pub files: Vec<File>,
}

/// Files without their text beyond this; no source is near it.
const READ_BYTES_MAX: u64 = 2 << 20;

impl Tree {
    /// Tracked files and new ones that are not ignored, as they stand in the checkout.
    pub fn of_checkout(root: &Path) -> Result<Self, String> {
        let mut list = Command::new("git");
        list.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root);
        let names = crate::process::read(&mut list)?;
        let mut files = Vec::new();
        for name in names.split_terminator('\0') {
            let on_disk = root.join(name);
            let Ok(metadata) = on_disk.metadata() else { continue };
            let text = if metadata.len() <= READ_BYTES_MAX { std::fs::read(&on_disk).ok() } else { None };
            files.push(File {
                path: name.to_owned(),
                text: text.and_then(|bytes| String::from_utf8(bytes).ok()),
            });
        }
        Ok(Tree { files })
    }

    /// For the rules' own tests.
    #[cfg(test)]
    pub fn of(files: &[(&str, &str)]) -> Self {
        let file =
            |(path, text): &(&str, &str)| File { path: (*path).to_owned(), text: Some((*text).to_owned()) };
        Tree { files: files.iter().map(file).collect() }
    }

    /// Every file with text, with one of these endings.
    pub fn with_ending<'t>(&'t self, endings: &'t [&'t str]) -> impl Iterator<Item = (&'t str, &'t str)> {
        let fits = |path: &str| endings.iter().any(|e| path.ends_with(e));
        self.files.iter().filter_map(move |f| match &f.text {
            Some(text) if fits(&f.path) => Some((f.path.as_str(), text.as_str())),
            _ => None,
        })
    }

    pub fn text_of(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|f| f.path == path).and_then(|f| f.text.as_deref())
    }

    /// Whether a file or a folder of this path is there.
    pub fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let inside =
            |f: &File| f.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.files.iter().any(inside)
    }
}

/// The crate that a path belongs to: `record` of `crates/record/src/lib.rs`.
pub fn crate_of(path: &str) -> Option<&str> {
    path.strip_prefix("crates/")?.split_once('/').map(|(name, _)| name)
}
