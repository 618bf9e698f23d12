//! DICOMweb against nginx that serves the same bytes from files, in turns, over connections that stay open.

use super::corpus::{ROWS, Study};
use crate::bench::frame::demo::Node;
use crate::bench::frame::http::Connection;
use crate::bench::frame::report::{Better, Report};
use crate::bench::frame::{peer, spread};
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const FRAMES: usize = 300;
const STUDIES: usize = 12;
const METADATA: usize = 60;
const PARALLEL: usize = 8;
const DICOM: &str = "multipart/related; type=\"application/dicom\"; transfer-syntax=*";
const OCTETS: &str = "multipart/related; type=\"application/octet-stream\"";
const JSON: &str = "application/dicom+json";

struct Nginx {
    child: Child,
    at: SocketAddr,
}

impl Nginx {
    fn start(folder: &Path) -> Result<Self, String> {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
        let at = free.map_err(|e| format!("a free port: {e}"))?;
        let place = folder.display();
        let user =
            if Path::new("/root").metadata().is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0) {
                "user root;"
            } else {
                ""
            };
        let text = format!(
            "{user} worker_processes 2; pid {place}/nginx.pid; error_log {place}/nginx.err; daemon off;\n\
             events {{ worker_connections 256; }}\n\
             http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;\n\
             client_body_temp_path {place}/n1; proxy_temp_path {place}/n2; fastcgi_temp_path {place}/n3;\n\
             uwsgi_temp_path {place}/n4; scgi_temp_path {place}/n5;\n\
             server {{ listen {at}; root {place}/static; }} }}\n"
        );
        let config = folder.join("nginx.conf");
        fs::write(&config, text).map_err(|e| format!("{}: {e}", config.display()))?;
        let mut command = Command::new(peer::program("nginx")?);
        command.arg("-c").arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
        let nginx = Nginx { child: command.spawn().map_err(|e| format!("nginx: {e}"))?, at };
        for _ in 0..100 {
            if TcpStream::connect(at).is_ok() {
                return Ok(nginx);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err("nginx does not listen".to_owned())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Asked to end, so that it ends its workers.
        let pid = self.child.id().to_string();
        if !crate::process::succeeds(Command::new("kill").args(["-TERM", &pid])) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// What one path costs us and nginx.
struct Duel {
    ours: Vec<Duration>,
    theirs: Vec<Duration>,
}

impl Duel {
    fn p50(&self) -> f64 {
        spread::of(self.ours.clone()).percentile_ms(50) / spread::of(self.theirs.clone()).percentile_ms(50)
    }
}

pub fn web(
    report: &mut Report,
    node: &Node,
    folder: &Path,
    study: &Study,
    others: &[Study],
) -> Result<(), String> {
    let mut ours = Connection::open(node.http()?, node.token()?)?;
    let of = |path: &str| format!("/dicomweb/studies/{}{path}", study.uid());
    let whole = get(&mut ours, &of(""), DICOM)?;
    let metadata = get(&mut ours, &of("/metadata"), JSON)?;
    let frame = |n: u32| of(&format!("/series/{}/instances/{}/frames/1", study.series(), study.sop(n)));
    let one = get(&mut ours, &frame(1), OCTETS)?;
    if one.len() < usize::from(ROWS).pow(2) * 2 {
        return Err("a frame came back too short".to_owned());
    }
    let still = folder.join("static");
    fs::create_dir_all(&still).map_err(|e| format!("{}: {e}", still.display()))?;
    for (name, bytes) in [("study", &whole), ("metadata", &metadata), ("frame", &one)] {
        fs::write(still.join(name), bytes).map_err(|e| format!("{name}: {e}"))?;
    }
    let nginx = Nginx::start(folder)?;
    let mut theirs = Connection::open(nginx.at, "")?;
    let mut duel = |count: usize, media: &str, path: &dyn Fn(usize) -> String, same: &str| {
        let mut all = Duel { ours: Vec::new(), theirs: Vec::new() };
        for n in 0..count {
            let began = Instant::now();
            get(&mut ours, &path(n), media)?;
            all.ours.push(began.elapsed());
            let began = Instant::now();
            get(&mut theirs, same, "*/*")?;
            all.theirs.push(began.elapsed());
        }
        Ok::<Duel, String>(all)
    };
    let numbered = |n: usize| 1 + (n as u32 * 37) % study.images;
    let studies = duel(STUDIES, DICOM, &|_| of(""), "/study")?;
    report.add("wado_study_vs_nginx", 1.0 / studies.p50(), "", Some("nginx"), Better::Higher);
    let frames = duel(FRAMES, OCTETS, &|n| frame(numbered(n)), "/frame")?;
    report.add("frames_p50_vs_nginx", frames.p50(), "", Some("nginx"), Better::Lower);
    let said = duel(METADATA, JSON, &|_| of("/metadata"), "/metadata")?;
    report.add("metadata_vs_nginx", said.p50(), "", Some("nginx"), Better::Lower);
    let each = f64::from(study.images);
    let p95 = spread::of(said.ours.clone()).percentile_ms(95) * 300.0 / each;
    report.add("metadata_300_p95_ms", p95, "ms", None, Better::Lower);
    let listed = duel(METADATA, JSON, &|n| of_study(&others[n % others.len()]), "/metadata")?;
    report.add("qido_study_p95_ms", spread::of(listed.ours).percentile_ms(95), "ms", None, Better::Lower);
    let (mine, beside) = (
        parallel(node.http()?, node.token()?, &|n| frame(numbered(n)))?,
        parallel(nginx.at, "", &|_| "/frame".to_owned())?,
    );
    report.add("frames_8_vs_nginx", mine / beside, "", Some("nginx"), Better::Higher);
    Ok(())
}

fn of_study(study: &Study) -> String {
    format!("/dicomweb/studies?StudyInstanceUID={}", study.uid())
}

fn get(connection: &mut Connection, path: &str, media: &str) -> Result<Vec<u8>, String> {
    let answer = connection.send("GET", path, media, &[])?;
    if answer.status == 200 { Ok(answer.body) } else { Err(format!("GET {path}: {}", answer.status)) }
}

/// Answers a second over eight connections.
fn parallel(at: SocketAddr, token: &str, path: &(dyn Fn(usize) -> String + Sync)) -> Result<f64, String> {
    let began = Instant::now();
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..PARALLEL)
            .map(|first| {
                scope.spawn(move || {
                    let mut connection = Connection::open(at, token)?;
                    (0..FRAMES / 2).try_for_each(|n| get(&mut connection, &path(first + n), OCTETS).map(drop))
                })
            })
            .collect();
        readers.into_iter().try_for_each(|r| r.join().map_err(|_| "a reader panicked".to_owned())?)
    })?;
    Ok((PARALLEL * FRAMES / 2) as f64 / began.elapsed().as_secs_f64())
}
