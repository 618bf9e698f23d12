//! Before the nodes start: accounts, peers, certificates, and the story's files; each node is opened, furnished and closed.

use super::plan::{MARK, NodePlan, Plan};
use badiano_kernel::{Fault, Instant, Principal, Purpose};
use badiano_record::Node;
use badiano_record::accounts::NewAccount;
use badiano_record::participants::JoinRequest;
use badiano_record::peers::{Peer, PeerKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A member of staff whom one can sign in as.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DemoPerson {
    pub node: String,
    pub role: String,
    pub account: String,
    pub name: String,
    pub password: String,
    /// Base 32, for an authenticator program.
    pub totp_secret: String,
}

/// A citizen whom one can sign in as, through the stand-in of Llave MX.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DemoCitizen {
    pub sub: String,
    pub name: String,
    pub curp: String,
    pub login: String,
    pub password: String,
}

pub struct Prepared {
    /// The nodes hold nothing yet.
    pub fresh: bool,
    pub people: Vec<DemoPerson>,
    pub citizens: Vec<DemoCitizen>,
    /// Token for scripts by node.
    pub tokens: BTreeMap<String, String>,
}

impl Prepared {
    pub fn token_of(&self, key: &str) -> Result<String, Fault> {
        self.tokens.get(key).cloned().ok_or_else(|| Fault::bug("every node has a token"))
    }
}

const TOKEN_SECONDS: i64 = 24 * 3600;
/// What scripts may do: the token's own list.
const SCOPES: [&str; 2] = ["system/*.cruds", "badiano/admin"];

pub async fn prepare(plan: &Plan) -> Result<Prepared, Fault> {
    std::fs::create_dir_all(&plan.data)
        .map_err(|e| Fault::unavailable(e.to_string()).at(plan.data.display().to_string()))?;
    write_private(&plan.data.join(MARK), "made by badiano demo\n")?;
    // Written last of all that furnishes: what stopped half way begins anew with --fresh.
    let fresh = !plan.data.join("people.json").exists();
    let people = if fresh { furnish(plan).await? } else { read_people(plan)? };
    let citizens = citizens(plan);
    let mut tokens = BTreeMap::new();
    for node in &plan.nodes {
        let open = open(node)?;
        let scopes: Vec<String> = SCOPES.iter().map(|s| (*s).to_owned()).collect();
        let token = open.open_script_token(
            "demo-scripts",
            "Programas de la demostración",
            &scopes,
            TOKEN_SECONDS,
            Instant::now(),
        );
        tokens.insert(node.key.clone(), token.await?);
        write_providers(plan, node)?;
    }
    Ok(Prepared { fresh, people, citizens, tokens })
}

/// Opening a store waits for its writer, which a task must not do unsaid.
fn open(node: &NodePlan) -> Result<Node, Fault> {
    let config = node.options().complete()?;
    tokio::task::block_in_place(|| crate::commands::serve::open(&config))
}

async fn furnish(plan: &Plan) -> Result<Vec<DemoPerson>, Fault> {
    let hub = open(&plan.nodes[0])?;
    let now = Instant::now();
    let hosts = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let authority = hub.identity(&hosts, now).await?.authority;
    let mut keys = vec![hub.log().verifier().to_line()];
    let mut people = vec![
        account(&hub, "hub", "administrator", "admin-hub", "Administración del concentrador", None).await?,
    ];
    for plan_of in &plan.nodes[1..] {
        let node = open(plan_of)?;
        join(&hub, &node, plan_of, &hosts[0], now).await?;
        keys.push(node.log().verifier().to_line());
        people.extend(staff(plan, &node, &plan_of.key).await?);
        if plan_of.key == "norte" {
            list_peers(plan, &node).await?;
        }
    }
    write_story(plan)?;
    write_private(&plan.data.join("authority.pem"), &authority)?;
    write_private(&plan.data.join("keys.txt"), &format!("{}\n", keys.join("\n")))?;
    let text =
        serde_json::to_string_pretty(&people).map_err(|_| Fault::bug("people are always printable"))?;
    write_private(&plan.data.join("people.json"), &text)?;
    Ok(people)
}

/// The same steps as `badiano join`, without a network between them.
async fn join(hub: &Node, node: &Node, plan: &NodePlan, host: &str, now: Instant) -> Result<(), Fault> {
    node.identity(&[host.to_owned()], now).await?;
    let job = hub.session(Principal::Job { name: "demo" }, Purpose::Operations, now);
    let request = JoinRequest {
        code: job.make_join_code(&plan.clues).await?,
        clues: plan.clues.clone(),
        name: plan.name.clone(),
        address: plan.https(),
        request: node.certificate_request(&[host.to_owned()], now).await?,
        log_key: node.log().verifier().to_line(),
    };
    let answer = hub.take_in(request, now).await?;
    node.keep_hub(&hub_address(plan), &answer, now).await
}

/// The hub's ports lie before those of the hospitals.
fn hub_address(plan: &NodePlan) -> String {
    let first = if plan.key == "norte" { 10 } else { 20 };
    format!("https://localhost:{}", plan.listen.port() - first)
}

async fn staff(plan: &Plan, node: &Node, key: &str) -> Result<Vec<DemoPerson>, Fault> {
    let mut people = Vec::new();
    for member in plan.story.staff.iter().filter(|s| s.hospital == key) {
        let (name, cedula) =
            (member.professional.name.full(), member.professional.cedula.as_str().to_owned());
        people.push(account(node, key, member.role, &member.account, &name, Some(cedula)).await?);
    }
    Ok(people)
}

async fn account(
    node: &Node,
    key: &str,
    role: &str,
    account: &str,
    name: &str,
    cedula: Option<String>,
) -> Result<DemoPerson, Fault> {
    let random: [u8; 4] = badiano_kernel::id::random_bytes();
    let password = format!("demo-{role}-{:04}", u32::from_be_bytes(random) % 10_000);
    let new = NewAccount {
        account: account.to_owned(),
        name: name.to_owned(),
        roles: vec![role.to_owned()],
        cedula,
        password: password.clone(),
    };
    let session = node.session(Principal::Job { name: "demo" }, Purpose::Operations, Instant::now());
    let totp_secret = session.make_account(new).await?;
    Ok(DemoPerson {
        node: key.to_owned(),
        role: role.to_owned(),
        account: account.to_owned(),
        name: name.to_owned(),
        password,
        totp_secret,
    })
}

async fn list_peers(plan: &Plan, node: &Node) -> Result<(), Fault> {
    let north = &plan.story.north;
    let session = node.session(
        Principal::System {
            client_id: "demo".into(),
            name: "demo".into(),
            institution: north.clues.as_str().into(),
            scopes: vec!["badiano/admin".into()],
        },
        Purpose::Operations,
        Instant::now(),
    );
    let dicom = [
        (&north.ct_ae, "Tomógrafo"),
        (&north.mammography_ae, "Mastógrafo"),
        (&north.workstation_ae, "Estación de trabajo"),
    ];
    let sender = format!("{}|{}", north.sender.application, north.sender.facility);
    let mut all: Vec<(PeerKind, String, &str)> =
        dicom.iter().map(|(ae, text)| (PeerKind::Dicom, (*ae).clone(), *text)).collect();
    all.push((PeerKind::Hl7, sender, "Sistema de información hospitalaria"));
    for (kind, name, description) in all {
        // The story's own listeners for answers: storage commitment and results come back here.
        let port = match kind {
            PeerKind::Dicom => plan.nodes[1].http.port() + 5,
            PeerKind::Hl7 => plan.nodes[1].http.port() + 6,
        };
        let peer = Peer {
            certificate: String::new(),
            id: String::new(),
            kind,
            name,
            description: description.to_owned(),
            host: "127.0.0.1".to_owned(),
            port,
            institution: north.clues.as_str().to_owned(),
            active: true,
        };
        session.put_peer(peer).await?;
    }
    Ok(())
}

/// The story's messages and objects as files, for other people's programs to send.
fn write_story(plan: &Plan) -> Result<(), Fault> {
    let folder = plan.data.join("story");
    let failed = |e: std::io::Error| Fault::unavailable(e.to_string()).at("story");
    std::fs::create_dir_all(&folder).map_err(failed)?;
    std::fs::write(folder.join("story.json"), plan.story.to_json()).map_err(failed)?;
    for (n, arrival) in plan.story.arrivals.iter().enumerate() {
        std::fs::write(folder.join(format!("message-{n:02}.hl7")), plan.story.message(arrival))
            .map_err(failed)?;
    }
    for (n, visit) in plan.story.visits.iter().enumerate() {
        let study = plan.story.study(visit);
        let of_visit = folder.join(format!("visit-{n}"));
        std::fs::create_dir_all(&of_visit).map_err(failed)?;
        for (at, number) in visit.sent.iter().enumerate() {
            if let Some(instance) = study.instance(*number) {
                std::fs::write(of_visit.join(format!("{at:03}.dcm")), instance.file).map_err(failed)?;
            }
        }
    }
    Ok(())
}

fn citizens(plan: &Plan) -> Vec<DemoCitizen> {
    let mut all: Vec<DemoCitizen> = Vec::new();
    for visit in &plan.story.visits {
        let curp = visit.person.curp.as_str().to_owned();
        if all.iter().all(|c| c.curp != curp) {
            let n = all.len() + 1;
            all.push(DemoCitizen {
                sub: format!("ciudadana-{n}"),
                name: visit.person.name.full(),
                curp,
                login: format!("ciudadana{n}"),
                password: format!("demo-{n}"),
            });
        }
    }
    all
}

/// The hub's configuration file names the provider; hospitals have none.
fn write_providers(plan: &Plan, node: &NodePlan) -> Result<(), Fault> {
    if node.role != "hub" {
        return Ok(());
    }
    let text = serde_json::to_string_pretty(&citizens(plan))
        .map_err(|_| Fault::bug("citizens are always printable"))?;
    write_private(&plan.data.join("citizens.json"), &text)?;
    let file = match &plan.oidc_issuer {
        Some(issuer) => format!(
            "[[provider]]\nid = \"llave-mx\"\nname = \"Llave MX (simulador)\"\nissuer = {issuer:?}\nclient_id = {:?}\npeople = \"citizen\"\n",
            plan.oidc_client_id
        ),
        None => String::new(),
    };
    write_private(&node.data.join("badiano.toml"), &file)
}

fn read_people(plan: &Plan) -> Result<Vec<DemoPerson>, Fault> {
    let text = std::fs::read_to_string(plan.data.join("people.json"))
        .map_err(|e| Fault::unavailable(e.to_string()).at("people.json"))?;
    serde_json::from_str(&text).map_err(|_| Fault::invalid("people.json cannot be read; start with --fresh"))
}

/// Writes a file that only its owner reads.
pub fn write_private(path: &Path, text: &str) -> Result<(), Fault> {
    let failed = |e: std::io::Error| Fault::unavailable(e.to_string()).at(path.display().to_string());
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}
