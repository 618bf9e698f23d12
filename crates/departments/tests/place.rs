//! A hospital with departments in a folder of its own, its readers, and images that come to it.

use badiano_departments::WORKFLOWS;
use badiano_kernel::principal::{Role, Staff};
use badiano_kernel::{Instant, Principal, Purpose};
use badiano_record::accounts::NewAccount;
use badiano_record::workflow::Event;
use badiano_record::worklist::{CaseItem, CaseQuery};
use badiano_record::{Node, NodeOptions, NodeRole, Session, Settings};
use tempfile::TempDir;

pub const CLUES: &str = "NLSSA999101";
/// Explicit VR Little Endian.
const EXPLICIT: &str = "1.2.840.10008.1.2.1";
const CT: &str = "1.2.840.10008.5.1.4.1.1.2";

pub struct Place {
    pub node: Node,
    pub now: Instant,
    _folder: TempDir,
}

pub fn hospital() -> Place {
    let folder = TempDir::new().expect("a folder");
    let settings = Settings {
        role: NodeRole::Hospital,
        name: "Norte".into(),
        clues: CLUES.into(),
        zone: "America/Mexico_City".into(),
    };
    let options = NodeOptions {
        data: folder.path().join("data"),
        key_file: folder.path().join("key"),
        settings,
        workflows: WORKFLOWS,
    };
    let node = Node::open(options).expect("a new node opens");
    Place { node, now: Instant::now(), _folder: folder }
}

impl Place {
    pub fn reader(&self, account: &str) -> Session {
        self.staff(account, Role::Radiologist, self.now)
    }

    pub fn staff(&self, account: &str, role: Role, now: Instant) -> Session {
        let staff = Staff {
            account: account.into(),
            name: account.to_uppercase(),
            roles: vec![role],
            institution: CLUES.into(),
            cedula: None,
        };
        self.node.session(Principal::Staff(staff), Purpose::Treatment, now)
    }

    /// Somebody with an account of this node, who can be told things.
    pub async fn hires(&self, account: &str, role: Role) {
        let administrator = self.staff("adm", Role::Administrator, self.now);
        let new = NewAccount {
            account: account.into(),
            name: account.to_uppercase(),
            roles: vec![role.code().to_owned()],
            cedula: None,
            password: "una contraseña larga".into(),
        };
        administrator.make_account(new).await.expect("an account");
    }

    fn device(&self, now: Instant) -> Session {
        let peer = Principal::Peer { name: "CT1".into(), institution: CLUES.into() };
        self.node.session(peer, Purpose::Treatment, now)
    }

    /// One object of a study arrives.
    pub async fn store(&self, study: &str, number: u32, object: &Object, now: Instant) {
        let sop = format!("{study}.1.{number}");
        let mut data = Vec::new();
        let mut put = |tag: (u16, u16), vr: &str, value: &str| element(&mut data, tag, vr, value);
        put((0x0008, 0x0016), "UI", CT);
        put((0x0008, 0x0018), "UI", &sop);
        put((0x0008, 0x0050), "SH", object.accession);
        put((0x0008, 0x0060), "CS", object.modality);
        put((0x0008, 0x1030), "LO", object.description);
        put((0x0010, 0x0010), "PN", "Perez^Ana");
        put((0x0010, 0x0020), "LO", object.patient);
        put((0x0020, 0x000D), "UI", study);
        put((0x0020, 0x000E), "UI", &format!("{study}.1"));
        if object.pixels {
            for (tag, value) in [
                ((0x0028, 0x0002), 1_u16),
                ((0x0028, 0x0010), 2),
                ((0x0028, 0x0011), 2),
                ((0x0028, 0x0100), 8),
                ((0x0028, 0x0101), 8),
            ] {
                number16(&mut data, tag, value);
            }
            pixels(&mut data);
        }
        let mut receiving =
            self.device(now).receive_data_set(CT, &sop, EXPLICIT, "CT1").expect("a listed device stores");
        receiving.feed(&data).expect("read");
        receiving.finish().await.expect("stored");
    }

    pub fn on(&self, list: &str) -> Vec<CaseItem> {
        let asked = CaseQuery { list: list.into(), limit: 500, ..CaseQuery::default() };
        self.reader("ana").cases(&asked).expect("a list")
    }

    pub fn state(&self, study: &str) -> String {
        self.reader("ana").case(study).expect("a case").0.case.state
    }
}

/// What an object says of itself.
pub struct Object {
    pub accession: &'static str,
    pub patient: &'static str,
    pub modality: &'static str,
    pub description: &'static str,
    pub pixels: bool,
}

pub const IMAGE: Object =
    Object { accession: "A1", patient: "N-1", modality: "CT", description: "TORAX SIMPLE", pixels: true };

pub fn event(name: &'static str, reason: &str) -> Event {
    Event { reason: reason.to_owned(), ..Event::named(name) }
}

fn head(data: &mut Vec<u8>, tag: (u16, u16), vr: &str) {
    data.extend(tag.0.to_le_bytes());
    data.extend(tag.1.to_le_bytes());
    data.extend(vr.as_bytes());
}

fn element(data: &mut Vec<u8>, tag: (u16, u16), vr: &str, value: &str) {
    let mut bytes = value.as_bytes().to_vec();
    if bytes.len() % 2 == 1 {
        bytes.push(if vr == "UI" { 0 } else { b' ' });
    }
    head(data, tag, vr);
    data.extend(u16::try_from(bytes.len()).expect("short").to_le_bytes());
    data.extend(bytes);
}

fn number16(data: &mut Vec<u8>, tag: (u16, u16), value: u16) {
    head(data, tag, "US");
    data.extend(2_u16.to_le_bytes());
    data.extend(value.to_le_bytes());
}

fn pixels(data: &mut Vec<u8>) {
    head(data, (0x7FE0, 0x0010), "OB");
    data.extend(0_u16.to_le_bytes());
    data.extend(4_u32.to_le_bytes());
    data.extend([1, 2, 3, 4]);
}
