//! `badiano demo`: a national hub and two hospitals as three processes, with synthetic people and images, on one machine.

mod load;
mod plan;
mod prepare;

use super::{runtime, say};
use badiano_kernel::Fault;
use clap::Args;
use plan::{NodePlan, Plan};
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::time::Duration;

#[derive(Args, Clone, Debug)]
pub struct DemoOptions {
    /// Directorio de los tres nodos / directory of the three nodes
    #[arg(long, default_value = "badiano-demo")]
    pub data: PathBuf,
    /// Primer puerto / first port
    #[arg(long, default_value_t = 8600)]
    pub port_base: u16,
    /// Empieza de cero / start from nothing
    #[arg(long)]
    pub fresh: bool,
    /// Semilla de las personas y estudios / seed of people and studies
    #[arg(long, default_value_t = 1552)]
    pub seed: u64,
    /// No carga mensajes ni imágenes; deja los archivos en DIR/story / load nothing; leave the files in DIR/story
    #[arg(long)]
    pub empty: bool,
    /// Proveedor OIDC para ciudadanos / OIDC provider for citizens
    #[arg(long)]
    pub oidc_issuer: Option<String>,
    #[arg(long, default_value = "badiano-hub")]
    pub oidc_client_id: String,
}

pub fn run(options: &DemoOptions) -> Result<ExitCode, Fault> {
    if options.fresh && options.data.exists() {
        remove_old(&options.data)?;
    }
    let plan = Plan::new(options)?;
    let runtime = runtime()?;
    let prepared = runtime.block_on(prepare::prepare(&plan))?;
    let mut nodes = Vec::new();
    for node in &plan.nodes {
        nodes.push(start(node)?);
    }
    for (node, child) in plan.nodes.iter().zip(&mut nodes) {
        child.wait_ready(node)?;
    }
    if prepared.fresh && !options.empty {
        runtime.block_on(load::load(&plan, &prepared.token_of("norte")?))?;
    }
    let pids: Vec<u32> = nodes.iter().map(|n| n.child.id()).collect();
    write_description(&plan, &prepared, &pids)?;
    greet(&plan, &prepared);
    runtime.block_on(until_stopped(&mut nodes));
    for node in &mut nodes {
        let _ = node.child.kill();
        let _ = node.child.wait();
    }
    Ok(ExitCode::SUCCESS)
}

/// Only what a demo made is removed: the directory carries its mark.
fn remove_old(data: &std::path::Path) -> Result<(), Fault> {
    if !data.join(plan::MARK).exists() && std::fs::read_dir(data).is_ok_and(|mut d| d.next().is_some()) {
        return Err(Fault::conflict("the directory was not made by a demo; it is left alone")
            .at(data.display().to_string()));
    }
    std::fs::remove_dir_all(data)
        .map_err(|e| Fault::unavailable(e.to_string()).at(data.display().to_string()))
}

struct Running {
    child: Child,
    ready: mpsc::Receiver<()>,
}

fn start(node: &NodePlan) -> Result<Running, Fault> {
    let program =
        std::env::current_exe().map_err(|e| Fault::unavailable(format!("this program's own path: {e}")))?;
    let log = std::fs::File::create(node.data.with_extension("log"))
        .map_err(|e| Fault::unavailable(e.to_string()))?;
    let mut command = Command::new(program);
    command.args(node.arguments()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
    let mut child =
        command.spawn().map_err(|e| Fault::unavailable(format!("a node cannot be started: {e}")))?;
    let out = child.stdout.take().ok_or_else(|| Fault::bug("the pipe was asked for"))?;
    let (tell, ready) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            if line.starts_with("ready") {
                let _ = tell.send(());
            }
        }
    });
    Ok(Running { child, ready })
}

impl Running {
    fn wait_ready(&mut self, node: &NodePlan) -> Result<(), Fault> {
        self.ready.recv_timeout(Duration::from_secs(30)).map_err(|_| {
            let log = node.data.with_extension("log");
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            let last = text.lines().last().unwrap_or_default().to_owned();
            let _ = self.child.kill();
            Fault::unavailable(format!("{} did not start: {last}", node.name)).at(log.display().to_string())
        })
    }
}

/// Everything that tests, benchmarks and other people's tools need; readable by its owner only.
fn write_description(plan: &Plan, prepared: &prepare::Prepared, pids: &[u32]) -> Result<(), Fault> {
    let describe = |(node, pid): (&NodePlan, &u32)| {
        let people: Vec<_> = prepared.people.iter().filter(|p| p.node == node.key).collect();
        let address = |at: &Option<std::net::SocketAddr>| {
            at.map(|a| json!({ "host": a.ip().to_string(), "port": a.port() }))
        };
        let mut dimse = address(&node.dimse);
        if let Some(dimse) = &mut dimse {
            dimse["ae_title"] = json!(node.ae_title);
        }
        json!({
            "key": node.key, "name": node.name, "clues": node.clues, "pid": pid, "data": node.data,
            "pages": node.pages(), "https": node.https(), "fhir": format!("{}/fhir", node.pages()),
            "dicomweb": format!("{}/dicomweb", node.pages()), "dimse": dimse, "mllp": address(&node.mllp),
            "people": people, "token": prepared.tokens.get(&node.key),
        })
    };
    let all: Vec<_> = plan.nodes.iter().zip(pids).map(describe).collect();
    let story = plan.data.join("story/story.json");
    let description = json!({
        "hub": all[0], "hospitals": &all[1..], "authority": plan.data.join("authority.pem"),
        "keys": plan.data.join("keys.txt"), "citizens": prepared.citizens, "seed": plan.seed.to_string(),
        "story": story.exists().then_some(story), "oidc": plan.oidc_issuer,
        "modalities": { "ct": plan.story.north.ct_ae, "mammography": plan.story.north.mammography_ae, "workstation": plan.story.north.workstation_ae },
    });
    prepare::write_private(&plan.data.join("demo.json"), &format!("{description:#}\n"))
}

fn greet(plan: &Plan, prepared: &prepare::Prepared) {
    say("");
    say("Badiano: un concentrador nacional y dos hospitales (datos sintéticos)");
    for node in &plan.nodes {
        say(&format!("  {:<28} {}", node.name, node.pages()));
        if let (Some(dimse), Some(mllp)) = (node.dimse, node.mllp) {
            say(&format!("  {:<28} DICOM {} en {dimse}, HL7 v2 (MLLP) en {mllp}", "", node.ae_title));
        }
    }
    say("");
    say("Personas (el segundo factor cambia cada 30 s; su llave está en demo.json):");
    for person in &prepared.people {
        say(&format!(
            "  {:<6} {:<13} cuenta {:<12} contraseña {}",
            person.node, person.role, person.account, person.password
        ));
    }
    if plan.oidc_issuer.is_some() {
        for citizen in &prepared.citizens {
            say(&format!(
                "  hub    ciudadana/o   {} con {} / {}",
                citizen.name, citizen.login, citizen.password
            ));
        }
    } else {
        say("  Para que entren ciudadanos hace falta el proveedor de identidad: cargo xtask demo");
    }
    say("");
    say("Pruebe ahora:");
    say("  1. Entre en Norte como radiología y abra un estudio sin leer.");
    say("  2. Entre en Sur como clínico y pregunte por la CURP de una persona atendida en Norte.");
    say("  3. Entre en el concentrador como ciudadana: vea quién miró, y cierre sus imágenes a Sur.");
    say(&format!("ready {}", plan.data.join("demo.json").display()));
}

async fn until_stopped(nodes: &mut [Running]) {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).ok();
    loop {
        let ended = async {
            match &mut terminate {
                Some(t) => {
                    t.recv().await;
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = ended => return,
            _ = tokio::signal::ctrl_c() => return,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        // A node that was killed on purpose (the story does it) is not started again here; when all have ended, so does the demo.
        if nodes.iter_mut().all(|n| n.child.try_wait().is_ok_and(|s| s.is_some())) {
            return;
        }
    }
}
