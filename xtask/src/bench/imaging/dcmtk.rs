//! DCMTK's programs as clients and as the yardstick: `storescu`, `storescp`, `movescu`, `getscu`.

use super::corpus::Study;
use crate::bench::frame::peer;
use crate::bench::frame::report::{Better, Report};
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Both sides' longest P-DATA-TF.
const PDU: [&str; 2] = ["-pdu", "131072"];

/// Whom to call and under which title.
pub struct Titles {
    pub host: SocketAddr,
    pub called: String,
    pub calling: String,
}

impl Titles {
    fn command(&self, program: &str, options: &[&str], rest: &[PathBuf]) -> Result<Command, String> {
        let beside = peer::program("dcmtk")?;
        let mut command = Command::new(beside.with_file_name(program));
        command.args(["-aet", &self.calling, "-aec", &self.called]).args(options);
        command.args([&self.host.ip().to_string(), &self.host.port().to_string()]).args(rest);
        // Debian's DCMTK leaves Nagle's algorithm on unless it is told otherwise.
        command.env("TCP_NODELAY", "1").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(command)
    }

    pub fn run(&self, program: &str, options: &[&str], rest: &[PathBuf]) -> Result<(), String> {
        finished(self.command(program, options, rest)?.spawn(), program)
    }

    /// One `storescu` for each folder, at once.
    pub fn store(&self, folders: &[PathBuf], stock: bool) -> Result<f64, String> {
        let began = Instant::now();
        let mut running = Vec::new();
        for folder in folders {
            let mut command =
                self.command("storescu", &["+sd", PDU[0], PDU[1]], std::slice::from_ref(folder))?;
            if stock {
                command.env_remove("TCP_NODELAY");
            }
            running.push(command.spawn());
        }
        running.into_iter().try_for_each(|child| finished(child, "storescu"))?;
        Ok(began.elapsed().as_secs_f64())
    }
}

fn finished(child: std::io::Result<Child>, name: &str) -> Result<(), String> {
    let status = child.and_then(|mut c| c.wait()).map_err(|e| format!("{name}: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{name}: {status}")) }
}

/// A `storescp` that takes everything: to a folder, or keeping nothing.
pub struct Sink {
    child: Child,
    pub titles: Titles,
}

impl Sink {
    pub fn start(folder: Option<&Path>) -> Result<Self, String> {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
        Self::at(free.map_err(|e| format!("a free port: {e}"))?, folder)
    }

    fn at(host: SocketAddr, folder: Option<&Path>) -> Result<Self, String> {
        let mut command = Command::new(peer::program("dcmtk")?.with_file_name("storescp"));
        command.args(["--fork", "-aet", "YARD"]).args(PDU).stdout(Stdio::null()).stderr(Stdio::null());
        match folder {
            Some(folder) => {
                fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
                command.arg("+B").arg("-od").arg(folder)
            }
            None => command.arg("--ignore"),
        };
        command.arg(host.port().to_string()).env("TCP_NODELAY", "1");
        let child = command.spawn().map_err(|e| format!("storescp: {e}"))?;
        let sink =
            Sink { child, titles: Titles { host, called: "YARD".to_owned(), calling: "BENCH".to_owned() } };
        for _ in 0..100 {
            if TcpStream::connect(host).is_ok() {
                return Ok(sink);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err("storescp does not listen".to_owned())
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// C-GET of one study, against `storescu` sending the same files to `storescp`.
pub fn retrieved(
    report: &mut Report,
    titles: &Titles,
    folder: &Path,
    study: &Study,
    files: &Path,
) -> Result<(), String> {
    let out = folder.join("yard-in");
    let yard = {
        let sink = Sink::start(Some(&out))?;
        sink.titles.store(&[files.to_owned()], false)?
    };
    let got = folder.join("got");
    fs::create_dir_all(&got).map_err(|e| format!("{}: {e}", got.display()))?;
    let named = format!("0020,000d={}", study.uid());
    let place = got.display().to_string();
    let began = Instant::now();
    titles.run(
        "getscu",
        &["-S", "+B", "-od", &place, PDU[0], PDU[1], "-k", "0008,0052=STUDY", "-k", &named],
        &[],
    )?;
    let took = began.elapsed().as_secs_f64();
    let count = fs::read_dir(&got).map_err(|e| format!("{}: {e}", got.display()))?.count();
    if count != study.images as usize {
        return Err(format!("C-GET gave {count} of {} objects", study.images));
    }
    report.add("cget_vs_storescu", yard / took, "", Some("storescu to storescp"), Better::Higher);
    moved(report, titles, folder, study, yard)
}

/// C-MOVE to a `storescp` at the port where the demo lists its workstation, three above the first hospital's DICOM door;
/// `movescu` as its own receiver waits a second of its own.
fn moved(
    report: &mut Report,
    titles: &Titles,
    folder: &Path,
    study: &Study,
    yard: f64,
) -> Result<(), String> {
    let got = folder.join("moved");
    let receiver = SocketAddr::new(titles.host.ip(), titles.host.port() + 3);
    let sink = Sink::at(receiver, Some(&got))?;
    let named = format!("0020,000d={}", study.uid());
    let began = Instant::now();
    titles.run(
        "movescu",
        &["-S", "-aem", &titles.calling, PDU[0], PDU[1], "-k", "0008,0052=STUDY", "-k", &named],
        &[],
    )?;
    let took = began.elapsed().as_secs_f64();
    drop(sink);
    let count = fs::read_dir(&got).map_err(|e| format!("{}: {e}", got.display()))?.count();
    if count != study.images as usize {
        return Err(format!("C-MOVE sent {count} of {} objects", study.images));
    }
    report.add("cmove_vs_storescu", yard / took, "", Some("storescu to storescp"), Better::Higher);
    Ok(())
}
