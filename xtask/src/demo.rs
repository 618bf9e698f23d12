//! `cargo xtask demo`: pages and binary built, a sign-in provider for citizens started, then `badiano demo` in our place.

use crate::{place, process, web};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const PROVIDER: &str = "fixtures/oidc/provider.mjs";
/// As `badiano demo` has it when nothing is said.
const PORT_BASE: u16 = 8600;
/// The provider's port, counted from the base; the nodes use 0, 1, 10 to 13 and 20 to 23.
const PROVIDER_PORT: u16 = 8;

/// What of the demo's options concerns the provider; everything goes on to `badiano demo`.
#[derive(Debug, PartialEq)]
struct Options {
    data: PathBuf,
    port_base: u16,
    /// Another provider was named: ours is not started.
    other_provider: bool,
    passed_on: Vec<String>,
}

pub fn run(arguments: &[String]) -> Result<(), String> {
    let options = read(arguments)?;
    web::build()?;
    process::run(process::cargo().args(["build", "--release", "--package", "badiano-server"]))?;
    let mut demo = Command::new(place::binary("release"));
    demo.arg("demo").arg("--data").arg(&options.data).args(&options.passed_on);
    demo.args(["--port-base", &options.port_base.to_string()]);
    let mut provider = None;
    if !options.other_provider {
        provider = Some(start_provider(&options)?);
        demo.args(["--oidc-issuer", &issuer(&options)]);
    }
    // From here on this process is the demo itself: signals reach it directly, and the provider, whose parent
    // it stays, ends when it ends.
    let failed = demo.exec();
    if let Some(mut provider) = provider {
        let _ = provider.kill();
    }
    Err(format!("{}: {failed}", place::binary("release").display()))
}

fn issuer(options: &Options) -> String {
    format!("http://localhost:{}", options.port_base + PROVIDER_PORT)
}

/// Started, and heard to be ready.
fn start_provider(options: &Options) -> Result<Child, String> {
    let script = place::root().join(PROVIDER);
    let port = (options.port_base + PROVIDER_PORT).to_string();
    let redirect = format!("http://localhost:{}/oauth/callback", options.port_base);
    let mut command = Command::new("node");
    command.arg(&script).args(["--port", &port, "--redirect", &redirect, "--people"]);
    command.arg(options.data.join("citizens.json")).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|e| format!("{PROVIDER}: {e}"))?;
    let out = child.stdout.take().expect("standard output was asked for as a pipe");
    let first = BufReader::new(out).lines().next();
    match first {
        Some(Ok(line)) if line.starts_with("ready") => Ok(child),
        _ => {
            let _ = child.kill();
            let _ = child.wait();
            Err(format!("{PROVIDER} did not start on port {port}"))
        }
    }
}

fn read(arguments: &[String]) -> Result<Options, String> {
    let mut options = Options {
        data: place::root().join("badiano-demo"),
        port_base: PORT_BASE,
        other_provider: false,
        passed_on: Vec::new(),
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let (name, inline) = match argument.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (argument.as_str(), None),
        };
        let mut value =
            || inline.clone().or_else(|| rest.next().cloned()).ok_or(format!("{name} needs a value"));
        match name {
            "--data" => options.data = absolute(Path::new(&value()?))?,
            "--port-base" => options.port_base = port(&value()?)?,
            "--oidc-issuer" => {
                options.other_provider = true;
                options.passed_on.extend(["--oidc-issuer".to_owned(), value()?]);
            }
            _ => options.passed_on.push(argument.clone()),
        }
    }
    Ok(options)
}

fn absolute(path: &Path) -> Result<PathBuf, String> {
    std::path::absolute(path).map_err(|e| format!("--data: {e}"))
}

/// With room above it for every port of the demo.
fn port(text: &str) -> Result<u16, String> {
    let number = text.parse::<u16>().ok().filter(|n| (1024..=65_500).contains(n));
    number.ok_or_else(|| format!("--port-base: {text} is not a number from 1024 to 65500"))
}

#[cfg(test)]
mod tests {
    use super::{PathBuf, read};

    fn texts(all: &[&str]) -> Vec<String> {
        all.iter().map(|t| (*t).to_owned()).collect()
    }

    #[test]
    fn what_the_provider_needs_is_taken_and_the_rest_passed_on() {
        let options =
            read(&texts(&["--fresh", "--data=/srv/demo", "--port-base", "9000", "--seed", "7"])).unwrap();
        assert_eq!(options.data, PathBuf::from("/srv/demo"));
        assert_eq!(options.port_base, 9000);
        assert_eq!(options.passed_on, texts(&["--fresh", "--seed", "7"]));
        assert!(!options.other_provider);
    }

    #[test]
    fn another_provider_takes_the_place_of_ours() {
        let options = read(&texts(&["--oidc-issuer", "https://id.example"])).unwrap();
        assert!(options.other_provider);
        assert_eq!(options.passed_on, texts(&["--oidc-issuer", "https://id.example"]));
    }

    #[test]
    fn a_port_without_room_above_it_is_refused() {
        assert!(read(&texts(&["--port-base", "65530"])).is_err());
        assert!(read(&texts(&["--port-base"])).is_err());
    }
}
