//! What a program asked of the disk, read from strace's log: calls with when they began and ended, which other threads' calls may part.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Calls that change files or tell the parent something.
const CALLS: &str = "trace=openat,lseek,write,pwrite64,ftruncate,fsync,fdatasync,mkdir,unlink,rename";
/// Longest piece of data that is recorded whole.
const DATA_BYTES_MAX: &str = "33554432";

/// One call. It had its effect at some moment between the lines at which it began and ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Op {
    pub began: usize,
    pub ended: usize,
    pub action: Action,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A file is opened and made where there is none; `truncate`: what it held is gone.
    Create {
        path: PathBuf,
        truncate: bool,
    },
    MakeFolder {
        path: PathBuf,
    },
    Write {
        path: PathBuf,
        at: u64,
        data: Vec<u8>,
    },
    Truncate {
        path: PathBuf,
        length: u64,
    },
    /// Of a file or a folder.
    Sync {
        path: PathBuf,
    },
    Remove {
        path: PathBuf,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    /// A line on standard output: what the world was told.
    Say {
        line: String,
    },
}

/// All of a run, in the order in which calls began.
pub struct Trace {
    pub ops: Vec<Op>,
    /// Lines of the log; a crash is before one of them.
    pub lines: usize,
}

/// Runs a program to its end under strace, and reads what it did below `root` and said.
pub fn record(program: &mut Command, root: &Path, log: &Path) -> Result<Trace, String> {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-xx", "-s", DATA_BYTES_MAX, "-e", CALLS, "-e", "signal=none", "-o"]).arg(log);
    strace.arg(program.get_program()).args(program.get_args()).stdout(Stdio::null());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => strace.env(name, value),
            None => strace.env_remove(name),
        };
    }
    let status = strace.status().map_err(|e| format!("strace: {e}; to bring it: apt-get install strace"))?;
    if !status.success() {
        return Err(format!("the program under strace: {status}"));
    }
    let file = std::fs::File::open(log).map_err(|e| format!("{}: {e}", log.display()))?;
    let mut reader = Reader { root: root.to_owned(), ..Reader::default() };
    for line in BufReader::with_capacity(1 << 20, file).split(b'\n') {
        let line = line.map_err(|e| format!("{}: {e}", log.display()))?;
        reader.line(&String::from_utf8_lossy(&line))?;
    }
    reader.ops.sort_by_key(|op| op.began);
    Ok(Trace { ops: reader.ops, lines: reader.lines })
}

#[derive(Default)]
struct Reader {
    root: PathBuf,
    lines: usize,
    ops: Vec<Op>,
    /// Calls of a thread that have begun and not ended: the line, and what was written of it.
    begun: HashMap<String, (usize, String)>,
    /// Where the next plain write of a descriptor goes.
    positions: HashMap<u32, u64>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), String> {
        let number = self.lines;
        self.lines += 1;
        let Some((thread, rest)) = line.split_once(' ') else { return Ok(()) };
        let rest = rest.trim_start();
        if let Some(start) = rest.strip_suffix("<unfinished ...>") {
            self.begun.insert(thread.to_owned(), (number, start.trim_end().to_owned()));
            return Ok(());
        }
        if let Some(end) = rest.strip_prefix("<... ") {
            let Some((began, start)) = self.begun.remove(thread) else { return Ok(()) };
            let end = end.split_once("resumed>").map_or("", |(_, end)| end);
            return self.call(began, number, &format!("{start}{end}"));
        }
        self.call(number, number, rest)
    }

    /// `name(arguments) = result`
    fn call(&mut self, began: usize, ended: usize, text: &str) -> Result<(), String> {
        let Some((call, result)) = text.rsplit_once(" = ") else { return Ok(()) };
        let Some((name, arguments)) = call.trim_end().strip_suffix(')').and_then(|c| c.split_once('('))
        else {
            return Ok(());
        };
        let Ok(result_number) = result.split(['<', ' ']).next().unwrap_or_default().parse::<i64>() else {
            return Ok(());
        };
        if result_number < 0 {
            return Ok(());
        }
        let arguments: Vec<&str> = arguments.split(", ").collect();
        let odd = || format!("strace wrote {name} in another form: {}", &text[..text.len().min(200)]);
        let action = self.action(name, &arguments, result_number as u64).ok_or_else(odd)?;
        self.ops.extend(action.map(|action| Op { began, ended, action }));
        Ok(())
    }

    /// `Some(None)`: understood, and of no interest.
    fn action(&mut self, name: &str, arguments: &[&str], result: u64) -> Option<Option<Action>> {
        let number = |at: usize| arguments.get(at)?.parse::<u64>().ok();
        let descriptor = || arguments.first()?.split('<').next()?.parse::<u32>().ok();
        let root = self.root.clone();
        let opened = || ours(&root, unhexed(arguments.first()?.split_once('<')?.1.strip_suffix('>')?)?);
        let named = |at: usize| ours(&root, unhexed(quoted(arguments.get(at)?)?)?);
        Some(match name {
            "openat" => {
                self.positions.insert(result as u32, 0);
                let flags = arguments.get(2)?;
                let made = flags.contains("O_CREAT") || flags.contains("O_TRUNC");
                let truncate = flags.contains("O_TRUNC");
                named(1).filter(|_| made).map(|path| Action::Create { path, truncate })
            }
            "lseek" => {
                self.positions.insert(descriptor()?, result);
                None
            }
            "mkdir" => named(0).map(|path| Action::MakeFolder { path }),
            "unlink" => named(0).map(|path| Action::Remove { path }),
            "rename" => named(0).and_then(|from| Some(Action::Rename { from, to: named(1)? })),
            "fsync" | "fdatasync" => opened().map(|path| Action::Sync { path }),
            "ftruncate" => opened().and_then(|path| Some(Action::Truncate { path, length: number(1)? })),
            "pwrite64" => {
                let at = number(3)?;
                opened().and_then(|path| Some(Action::Write { path, at, data: written(arguments, result)? }))
            }
            "write" if descriptor()? == 1 => {
                let line = String::from_utf8_lossy(&written(arguments, result)?).trim().to_owned();
                Some(Action::Say { line })
            }
            "write" => {
                let path = opened();
                let position = self.positions.entry(descriptor()?).or_default();
                let at = *position;
                *position += result;
                path.and_then(|path| Some(Action::Write { path, at, data: written(arguments, result)? }))
            }
            _ => return None,
        })
    }
}

/// Below the root, and not SQLite's shared memory: that is made anew at every start.
fn ours(root: &Path, path: Vec<u8>) -> Option<PathBuf> {
    let path = PathBuf::from(String::from_utf8(path).ok()?);
    let ours = path.starts_with(root) && !path.to_string_lossy().ends_with("-shm");
    ours.then_some(path)
}

fn quoted(argument: &str) -> Option<&str> {
    argument.strip_prefix('"')?.strip_suffix('"')
}

/// As much as was taken.
fn written(arguments: &[&str], count: u64) -> Option<Vec<u8>> {
    let mut data = unhexed(quoted(arguments.get(1)?)?)?;
    data.truncate(usize::try_from(count).ok()?);
    Some(data)
}

/// `\x41\x42`
fn unhexed(text: &str) -> Option<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16);
    let bytes = text.as_bytes().chunks_exact(4);
    bytes.map(|four| Some((digit(four[2])? * 16 + digit(four[3])?) as u8)).collect()
}

#[cfg(test)]
mod tests {
    use super::{Action, Reader};
    use std::path::{Path, PathBuf};

    fn hex(text: &str) -> String {
        text.bytes().map(|b| format!("\\x{b:02x}")).collect()
    }

    #[test]
    fn calls_that_other_threads_part_are_joined_and_placed_by_their_beginning_and_end() {
        let mut reader = Reader { root: PathBuf::from("/r"), ..Reader::default() };
        let (db, key) = (hex("/r/db"), hex("/r/key"));
        let lines = [
            format!("7 openat(AT_FDCWD<{}>, \"{db}\", O_RDWR|O_CREAT|O_CLOEXEC, 0644) = 3<{db}>", hex("/")),
            format!("8 pwrite64(3<{db}>, \"{}\", 2, 4096 <unfinished ...>", hex("hi")),
            format!("7 fdatasync(3<{db}>) = 0"),
            "8 <... pwrite64 resumed>) = 2".to_owned(),
            format!("7 openat(AT_FDCWD<{}>, \"{key}\", O_WRONLY|O_CREAT|O_EXCL, 0600) = 4<{key}>", hex("/")),
            format!("7 write(4<{key}>, \"{}\", 2) = 2", hex("ab")),
            format!("7 write(4<{key}>, \"{}\", 1) = 1", hex("c")),
            format!("7 write(1<{}>, \"{}\", 4) = 4", hex("pipe:[1]"), hex("ACK\n")),
            format!("7 unlink(\"{}\") = -1 ENOENT (No such file or directory)", hex("/r/no")),
            format!("7 fsync(9<{}>) = 0", hex("/elsewhere")),
            "7 +++ exited with 0 +++".to_owned(),
        ];
        lines.iter().for_each(|line| reader.line(line).expect("understood"));
        let path = |name: &str| Path::new("/r").join(name);
        let write = |name, at, data: &str| Action::Write { path: path(name), at, data: data.into() };
        reader.ops.sort_by_key(|op| op.began);
        let found: Vec<(usize, usize, Action)> =
            reader.ops.into_iter().map(|op| (op.began, op.ended, op.action)).collect();
        let wanted = vec![
            (0, 0, Action::Create { path: path("db"), truncate: false }),
            (1, 3, write("db", 4096, "hi")),
            (2, 2, Action::Sync { path: path("db") }),
            (4, 4, Action::Create { path: path("key"), truncate: false }),
            (5, 5, write("key", 0, "ab")),
            (6, 6, write("key", 2, "c")),
            (7, 7, Action::Say { line: "ACK".to_owned() }),
        ];
        assert_eq!(found, wanted);
    }
}
