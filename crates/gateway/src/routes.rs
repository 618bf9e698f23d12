//! Every HTTP route of the product, in one place, grouped by who uses it.

use crate::doors::{Doors, delete, get, post, put};
use crate::gate::Gate;
use crate::{dicomweb as dw, fhir_rest as fhir, oauth, pages, pni};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};

/// Longest body of a request that is read into memory; images are streamed and have their own limit.
const BODY_BYTES_MAX: usize = 32 << 20;

/// Every door but the pages themselves. Public ones (`docs/conformance/doors.csv`) carry no patient data; all others make out a
/// `Caller` first. `tests/http_doors.rs` calls each.
pub fn doors() -> Doors {
    Doors::new()
        .merge(public())
        .merge(fhir_routes())
        .merge(dicomweb_routes())
        .merge(node_routes())
        .merge(page_routes())
}

/// The router of a node.
pub fn router(gate: Gate) -> Router {
    doors()
        .into_router(&gate)
        .fallback(pages::assets_door::serve)
        .layer(from_fn_with_state(gate.clone(), oauth::apps::cross_origin))
        .layer(from_fn(pages::form::in_language))
        .layer(from_fn(crate::unread::read))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(gate)
}

/// No sign-in: liveness, what the node can do, the log's checkpoint and key, signing in.
fn public() -> Doors {
    Doors::new()
        .route("/livez", get(pages::health::livez))
        .route("/readyz", get(pages::health::readyz))
        .route("/metrics", get(pages::health::metrics))
        .route("/fhir/metadata", get(fhir::capabilities::metadata))
        .route("/.well-known/smart-configuration", get(oauth::token::smart_configuration))
        .route("/fhir/.well-known/smart-configuration", get(oauth::token::smart_configuration))
        .route("/oauth/authorize", get(oauth::apps::authorize))
        .route("/oauth/token", post(oauth::token::token))
        .route("/log/checkpoint", get(pages::health::checkpoint))
        .route("/log/key", get(pages::health::log_key))
        .route("/log/witness-key", get(pages::health::witness_key))
        .route("/authority.pem", get(pages::health::authority))
        .route("/pni/join", post(pni::join))
        .route("/oauth/start", get(oauth::client::start))
        .route("/oauth/callback", get(oauth::client::callback))
        .route("/api/session", get(pages::session::session))
        .route("/api/sign-in", post(pages::session::sign_in))
        .route("/api/sign-in/second-factor", post(pages::session::second_factor))
        .route("/api/setup", post(pages::session::set_up))
        .route("/api/setup/confirm", post(pages::session::confirm_set_up))
}

/// Systems and other nodes (HL7 FHIR R4, RESTful API).
fn fhir_routes() -> Doors {
    Doors::new()
        .route("/fhir", get(fhir::search::search_all).post(fhir::transaction::transaction))
        .route("/fhir/", get(fhir::search::search_all).post(fhir::transaction::transaction))
        .route("/fhir/_search", post(fhir::search::search_all_by_post))
        .route("/fhir/_history", get(fhir::history::history_of_all))
        .route(
            "/fhir/{kind}",
            get(fhir::search::search)
                .post(fhir::create::create)
                .put(fhir::update::update_where)
                .patch(fhir::patch::patch_where)
                .delete(fhir::delete::delete_where),
        )
        .route("/fhir/{kind}/_search", post(fhir::search::search_by_post))
        .route(
            "/fhir/{kind}/{id}",
            get(fhir::read::read)
                .put(fhir::update::update)
                .patch(fhir::patch::patch)
                .delete(fhir::delete::delete),
        )
        .route("/fhir/{kind}/_history", get(fhir::history::history_of_type))
        .route("/fhir/{kind}/{id}/_history", get(fhir::history::history))
        .route("/fhir/{kind}/{id}/{part}", get(fhir::search::search_compartment))
        .route("/fhir/{kind}/{id}/_history/{version}", get(fhir::read::vread))
        .merge(fhir_operations())
}

/// Operations of HL7 FHIR R4.
fn fhir_operations() -> Doors {
    use fhir::operations as op;
    Doors::new()
        .route(
            "/fhir/{kind}/{id}/$everything",
            get(op::everything::everything).post(op::everything::everything_by_post),
        )
        .route("/fhir/{kind}/$match", post(op::patient_match::patient_match))
        .route("/fhir/{kind}/$ihe-pix", get(op::ihe_pix::ihe_pix).post(op::ihe_pix::ihe_pix_by_post))
        .route("/fhir/{kind}/$validate", post(op::validate::validate))
        .route(
            "/fhir/{kind}/{id}/$validate",
            get(op::validate::validate_one).post(op::validate::validate_one),
        )
        .merge(terminology_routes())
        .merge(subscription_routes())
        .route("/fhir/{kind}/{id}/$meta", get(op::meta::meta))
        .route("/fhir/{kind}/{id}/_history/{version}/$meta", get(op::meta::meta_of_version))
        .route("/fhir/{kind}/{id}/$meta-add", post(op::meta::meta_add))
        .route("/fhir/{kind}/{id}/$meta-delete", post(op::meta::meta_delete))
        .route("/fhir/{kind}/{id}/$text-flags", get(op::text_flags::list))
        .route("/fhir/{kind}/{id}/$clear-text-flag", post(op::text_flags::clear))
        .route("/fhir/$graphql", get(op::graphql::of_system).post(op::graphql::of_system))
        .route("/fhir/{kind}/{id}/$graphql", get(op::graphql::of_one).post(op::graphql::of_one))
        .route("/fhir/$export", get(op::bulk::export_all).post(op::bulk::export_all))
        .route("/fhir/Patient/$export", get(op::bulk::export_patients).post(op::bulk::export_patients))
        .route("/fhir/Group/{id}/$export", get(op::bulk::export_group).post(op::bulk::export_group))
        .route("/fhir/$export/{id}", get(op::bulk::status).delete(op::bulk::cancel))
        .route("/fhir/$export/{id}/{file}", get(op::bulk::file))
        .route("/fhir/$import", post(op::bulk::import).streamed())
        .route("/fhir/$import/{id}", get(op::bulk::status).delete(op::bulk::cancel))
        .route("/fhir/$import/{id}/{file}", get(op::bulk::file))
}

/// Subscriptions (R5 Backport 1.1, operations; FHIR R4, subscription.html#websocket).
fn subscription_routes() -> Doors {
    use fhir::operations::subscription as op;
    Doors::new()
        .route("/fhir/Subscription/$status", get(op::status).post(op::status))
        .route("/fhir/Subscription/{id}/$status", get(op::status_of_one).post(op::status_of_one))
        .route("/fhir/Subscription/{id}/$events", get(op::events).post(op::events))
        .route("/fhir/Subscription/$get-ws-binding-token", get(op::token).post(op::token))
        .route(
            "/fhir/Subscription/{id}/$get-ws-binding-token",
            get(op::token_for_one).post(op::token_for_one),
        )
        .route(fhir::websocket::PATH, get(fhir::websocket::open))
}

/// A terminology service (FHIR R4, terminology-service.html).
fn terminology_routes() -> Doors {
    use fhir::operations::terminology as op;
    Doors::new()
        .route("/fhir/{kind}/$lookup", get(op::lookup::of_type).post(op::lookup::of_type))
        .route(
            "/fhir/{kind}/$validate-code",
            get(op::validate_code::of_type).post(op::validate_code::of_type),
        )
        .route(
            "/fhir/{kind}/{id}/$validate-code",
            get(op::validate_code::of_one).post(op::validate_code::of_one),
        )
        .route("/fhir/{kind}/$subsumes", get(op::subsumes::of_type).post(op::subsumes::of_type))
        .route("/fhir/{kind}/{id}/$subsumes", get(op::subsumes::of_one).post(op::subsumes::of_one))
        .route("/fhir/{kind}/$expand", get(op::expand::of_type).post(op::expand::of_type))
        .route("/fhir/{kind}/{id}/$expand", get(op::expand::of_one).post(op::expand::of_one))
        .route("/fhir/{kind}/$translate", get(op::translate::of_type).post(op::translate::of_type))
        .route("/fhir/{kind}/{id}/$translate", get(op::translate::of_one).post(op::translate::of_one))
        .route("/fhir/$closure", post(op::closure))
}

/// Viewers and workstations (DICOM PS3.18).
fn dicomweb_routes() -> Doors {
    dw::routes("/dicomweb")
        .merge(dw::capabilities::routes("/dicomweb"))
        .route("/wado", get(dw::wado_uri::retrieve))
        .merge(dw::national::routes("/dicomweb-nacional"))
}

/// Nodes among themselves, by certificate.
fn node_routes() -> Doors {
    Doors::new()
        .route("/pni/registrations", post(pni::registrations))
        .route("/pni/representations", post(pni::representations))
        .route("/pni/consent", post(pni::consent))
        .route("/pni/consents", post(pni::consents))
        .route("/pni/certificate", post(pni::certificate))
        .route("/pni/revocations", post(pni::revocations))
        .route("/pni/revocation-list", post(pni::revocation_list))
        .route("/pni/accesses", post(pni::accesses))
        .route("/pni/cosign", post(pni::cosign))
}

/// Our own pages; the shapes are in `web/src/api.ts`.
fn page_routes() -> Doors {
    Doors::new()
        .route("/api/sign-out", post(pages::session::sign_out))
        .route("/api/apps/asking", get(oauth::apps::asking))
        .route("/api/apps/let-in", post(oauth::apps::let_in))
        .route("/api/admin/apps", get(oauth::apps::list).put(oauth::apps::put))
        .merge(reading_routes())
        .merge(citizen_routes())
        .merge(admin_routes())
}

/// Staff who read, report and ask other institutions.
fn reading_routes() -> Doors {
    Doors::new()
        .route("/api/export", get(dw::export::export))
        .route("/api/worklist", get(pages::reading::worklist))
        .route("/api/studies/{uid}", get(pages::reading::study))
        .route("/api/studies/{uid}/claim", post(pages::work::claim))
        .route("/api/studies/{uid}/move", post(pages::work::step))
        .route("/api/studies/{uid}/report", post(pages::reading::write))
        .route("/api/wrap", post(pages::wrap::wrap))
        .route("/api/destinations", get(pages::routing::destinations))
        .route("/api/studies/{uid}/send", post(pages::routing::send))
        .route("/api/rejected", get(pages::rejection::list))
        .route("/api/studies/{uid}/rejected", get(pages::rejection::of_study))
        .route("/api/studies/{uid}/reject", post(pages::rejection::reject))
        .route("/api/studies/{uid}/restore", post(pages::rejection::restore))
        .route("/api/studies/{uid}/coercions", get(pages::coercion::of_study))
        .route("/api/studies/{uid}/objects/{sop}/received", get(pages::coercion::received))
        .route("/api/studies/{uid}/critical", post(pages::notices::raise))
        .route("/api/critical", get(pages::notices::critical))
        .route("/api/critical/{id}/heard", post(pages::notices::hear))
        .route("/api/identity/pairs", get(pages::identity::list))
        .route("/api/identity/decision", post(pages::identity::decide))
        .route("/api/notices", get(pages::notices::list))
        .route("/api/notices/read", post(pages::notices::read))
        .route("/api/report-templates", get(pages::templates::list).post(pages::templates::keep))
        .route("/api/report-templates/{id}", delete(pages::templates::drop_one))
        .route("/api/ledger", get(pages::work::ledger))
        .route("/api/indicators", get(pages::indicators::imaging))
        .route("/api/cases", get(pages::work::cases))
        .route("/api/readers", get(pages::work::readers))
        .route("/api/clinicians", get(pages::work::clinicians))
        .route("/api/rooms", get(pages::schedule::rooms).put(pages::schedule::keep_room))
        .route("/api/free-times", get(pages::schedule::free))
        .route("/api/appointments", get(pages::schedule::board).post(pages::schedule::book))
        .route("/api/appointments/{id}/move", post(pages::schedule::change))
        .route("/api/departments/{code}", get(pages::work::department))
        .route("/api/messages/{id}/original", get(pages::messages::original))
        .route("/api/cda", post(pages::clinical_documents::take))
        .route("/api/cda/{patient}", get(pages::clinical_documents::summary))
        .route("/api/national/query", post(pages::national::query))
        .route("/api/national/emergency", post(pages::national::emergency))
        .route("/api/emergencies", get(pages::emergencies::list))
        .route("/api/emergencies/{id}/review", post(pages::emergencies::review))
}

/// The citizen, at the hub.
fn citizen_routes() -> Doors {
    Doors::new()
        .route("/api/me", get(pages::citizen::me))
        .route("/api/me/accesses", get(pages::accesses::accesses))
        .route("/api/me/accesses/{id}/proof", get(pages::accesses::proof))
        .route("/api/me/consents", get(pages::citizen::consents).post(pages::citizen::change_consent))
        .route(
            "/api/me/representatives",
            get(pages::representatives::list).post(pages::representatives::give_power),
        )
        .route("/api/me/representatives/{id}/end", post(pages::representatives::end))
        .route("/api/me/notices", get(pages::citizen::notices))
        .route("/api/me/notices/read", post(pages::citizen::read_notices))
}

/// Who administers the node; no clinical content.
fn admin_routes() -> Doors {
    Doors::new()
        .route("/api/admin/peers", get(pages::peers::list).put(pages::peers::put))
        .route("/api/admin/peers/{id}/test", post(pages::peers::test))
        .route("/api/admin/peers/{id}/active", post(pages::peers::set_active))
        .route("/api/admin/routes", get(pages::routing::list).put(pages::routing::put))
        .route("/api/admin/coercion-rules", get(pages::coercion::list).put(pages::coercion::put))
        .route("/api/admin/coercion-rules/{rule}", get(pages::coercion::history))
        .route("/api/admin/coercion-rules/{rule}/active", post(pages::coercion::switch))
        .route("/api/admin/coercion-trial", post(pages::coercion::attempt))
        .route("/api/admin/identity-policy", get(pages::identity::policy).put(pages::identity::set_policy))
        .route("/api/admin/models", get(pages::models::list))
        .route("/api/admin/models/{id}", put(pages::models::describe))
        .route("/api/admin/models/{id}/decision", post(pages::models::decide))
        .route("/api/admin/users", get(pages::admin::users).post(pages::admin::make_user))
        .route("/api/admin/users/{account}/active", post(pages::admin::set_user_active))
        .route("/api/admin/links", get(pages::links::list).post(pages::links::link))
        .route("/api/admin/links/remove", post(pages::links::unlink))
        .route("/api/admin/users/{account}/roles", put(pages::admin::set_user_roles))
        .route("/api/admin/systems", get(pages::systems::list).put(pages::systems::put))
        .route("/api/admin/systems/active", post(pages::systems::set_active))
        .route("/api/admin/institutions", get(pages::admin::institutions))
        .route("/api/admin/institutions/{clues}/active", post(pages::admin::set_institution_active))
        .route("/api/admin/institutions/{clues}/revoke", post(pages::admin::revoke))
        .route("/api/admin/certificate", get(pages::operate::certificate))
        .route("/api/admin/certificate/renew", post(pages::operate::renew))
        .route("/api/admin/join", post(pages::operate::join))
        .route("/api/admin/join-codes", post(pages::admin::make_join_code))
        .route("/api/admin/queues", get(pages::admin::queues))
        .route("/api/admin/queues/{id}", delete(pages::admin::discard))
        .route("/api/admin/queues/{id}/retry", post(pages::admin::retry))
        .route("/api/admin/messages", get(pages::admin::messages))
        .route("/api/admin/messages/{id}/replay", post(pages::admin::replay))
        .route("/api/admin/audit", get(pages::audit::list))
        .route("/api/admin/status", get(pages::admin::status))
        .route("/api/admin/backup", post(pages::operate::backup))
}
