//! A token that was just used stands for its account as that is now: suspended, with other roles, signed out, run out.

use crate::{NORTE, open, staff};
use badiano_kernel::principal::Role;
use badiano_kernel::{Instant, Principal, Purpose};
use badiano_record::accounts::{NewAccount, SESSION_SECONDS};
use badiano_record::{Node, NodeRole, Session};

async fn with_account(node: &Node, account: &str, role: Role, now: Instant) {
    let job = node.session(Principal::Job { name: "first start" }, Purpose::Operations, now);
    let new = NewAccount {
        account: account.into(),
        name: account.into(),
        roles: vec![role.code().into()],
        cedula: None,
        password: "una-frase-larga-8863".into(),
    };
    job.make_account(new).await.expect("an account is made");
}

fn administrator(node: &Node, now: Instant) -> Session {
    let mut admin = staff(NORTE, Role::Administrator);
    admin.account = "admin".into();
    node.session(Principal::Staff(admin), Purpose::Operations, now)
}

fn roles_behind(node: &Node, token: &str, now: Instant) -> Option<Vec<Role>> {
    let found = node.signed_in(token, now).expect("the store answers")?;
    Some(found.principal.staff().expect("a member of staff").roles.clone())
}

#[tokio::test]
async fn what_changes_of_an_account_holds_for_a_token_that_was_just_used() {
    let place = open(NodeRole::Hospital, NORTE);
    let (node, now) = (&place.node, Instant::now());
    with_account(node, "admin", Role::Administrator, now).await;
    with_account(node, "clinico", Role::Clinician, now).await;
    let mut clinician = staff(NORTE, Role::Clinician);
    clinician.account = "clinico".into();
    let token = node.open_session(&clinician, now).await.expect("a session opens");
    let behind = |now| roles_behind(node, &token, now);
    for _ in 0..3 {
        assert_eq!(behind(now), Some(vec![Role::Clinician]), "the token is good, and stays so");
    }
    let admin = administrator(node, now);
    admin.set_account_roles("clinico", vec![Role::Radiologist.code().into()]).await.expect("other roles");
    assert_eq!(behind(now), Some(vec![Role::Radiologist]), "other roles hold from the next request on");
    admin.set_account_active("clinico", false).await.expect("suspended");
    assert_eq!(behind(now), None, "a suspended account is refused at once");
    admin.set_account_active("clinico", true).await.expect("readmitted");
    let again = node.open_session(&clinician, now).await.expect("a session opens");
    assert!(roles_behind(node, &again, now).is_some(), "and comes again by signing in again");
    let own = node.session(Principal::Staff(clinician.clone()), Purpose::Treatment, now);
    own.sign_out(&again).await.expect("signed out");
    assert_eq!(roles_behind(node, &again, now), None, "a token that was signed out is nothing");
    let last = node.open_session(&clinician, now).await.expect("a session opens");
    assert!(roles_behind(node, &last, now).is_some());
    assert_eq!(
        roles_behind(node, &last, now.plus_seconds(SESSION_SECONDS)),
        None,
        "it runs out although it was just used"
    );
}
