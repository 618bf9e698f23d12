//! What holds of every department of the table, whoever adds one: its story, its lists, its limits, its files.

use crate::{DEPARTMENTS, Department};
use badiano_record::workflow::{Effect, Event, Guard, NEW, Refusal, Standing};
use badiano_testkit::rng::Rng;
use std::collections::BTreeSet;

const ME: &str = "ana";
const OTHER: &str = "eva";
const REASON: &str = "estudio repetido por movimiento";

fn event(name: &'static str, by: &str) -> Event {
    let to = (name == "hand-over").then(|| OTHER.to_owned());
    Event { name, by: Some(by.to_owned()), to, reason: REASON.to_owned(), ..Event::default() }
}

fn each(check: impl Fn(&Department)) {
    assert!(!DEPARTMENTS.is_empty());
    for department in DEPARTMENTS {
        check(department);
    }
}

#[test]
fn every_department_goes_from_the_order_to_a_signed_result_and_is_on_a_list_all_the_way() {
    each(|department| {
        let workflow = &department.workflow;
        let (mut at, mut told) = (Standing::default(), false);
        for (n, name) in department.story.iter().enumerate() {
            let before = at.state.clone();
            let (after, effects) = workflow
                .apply(&at, &event(name, ME))
                .unwrap_or_else(|why| panic!("{}: {name} from {before}: {why:?}", department.code));
            told |= effects.contains(&Effect::Tell);
            at = after;
            let ended = workflow.list_of(&at.state).is_empty();
            assert_eq!(ended, n + 1 == department.story.len(), "{}: after {name}", department.code);
        }
        assert!(at.signed && told, "{}: signed, and the sender is told", department.code);
    });
}

#[test]
fn every_step_names_known_states_and_every_state_but_the_first_can_be_reached_and_left_while_it_is_open() {
    each(|department| {
        let workflow = &department.workflow;
        let codes: BTreeSet<&str> = workflow.states.iter().map(|s| s.code).collect();
        assert_eq!(codes.len(), workflow.states.len(), "{}: each code once", department.code);
        assert!(!codes.contains(NEW));
        for step in workflow.steps {
            let known = |state: &&str| *state == NEW || codes.contains(state);
            assert!(!step.from.is_empty() && step.from.iter().all(known), "{}", step.event);
            assert!(step.to.is_none_or(|to| codes.contains(to)), "{}", step.event);
            assert!(step.to.is_some() || !step.from.contains(&NEW), "{}: nothing stays nothing", step.event);
        }
        for state in workflow.states {
            let into = workflow.steps.iter().any(|s| s.to == Some(state.code));
            let out = workflow
                .steps
                .iter()
                .any(|s| s.from.contains(&state.code) && s.to.is_some_and(|to| to != state.code));
            assert!(into, "{} is never reached", state.code);
            assert!(out || state.list.is_empty(), "{} is open and cannot be left", state.code);
            assert!(!state.es.is_empty() && !state.en.is_empty(), "{}", state.code);
        }
    });
}

/// Random events by random people, 200 cases of 60 events a department: a case is always in a state of the table, a refused
/// event changes nothing, and a case leaves its list only by a signature, a reason, or a cancelled order.
#[test]
fn no_sequence_of_events_reaches_an_illegal_state_or_loses_a_case() {
    let seed = 20_261_123;
    println!("seed {seed}, 200 cases of 60 events for each of {} departments", DEPARTMENTS.len());
    each(|department| {
        let workflow = &department.workflow;
        let events: Vec<&'static str> =
            workflow.steps.iter().map(|s| s.event).collect::<BTreeSet<_>>().into_iter().collect();
        let (mut taken, mut refused) = (0_u32, 0_u32);
        for case in 0..200 {
            let mut rng = Rng::of(seed, department.code, case);
            // Where readings come to something, some cases are read by two.
            let is_read_twice = case % 3 == 0 && !workflow.assessments.is_empty();
            let mut at = Standing { is_read_twice, ..Standing::default() };
            for _ in 0..60 {
                let drawn: &&'static str = rng.pick(&events);
                let who: &&str = rng.pick(&[ME, ME, ME, OTHER, "rita", "leo"]);
                let mut happens = event(drawn, who);
                happens.is_trainee = *who == "leo";
                if rng.percent(30) {
                    happens.reason.clear();
                }
                if let Some(n) = (!workflow.assessments.is_empty()).then(|| rng.below(7) as usize) {
                    happens.assessment = workflow.assessments[n % workflow.assessments.len()].code.to_owned();
                }
                let Ok((after, effects)) = workflow.apply(&at, &happens) else {
                    refused += 1;
                    continue;
                };
                taken += 1;
                legal(department, &at, &after, &happens, effects);
                at = after;
            }
        }
        assert!(taken > 1_000 && refused > 1_000, "{}: {taken} taken, {refused} refused", department.code);
    });
}

fn legal(department: &Department, before: &Standing, after: &Standing, happens: &Event, effects: &[Effect]) {
    let workflow = &department.workflow;
    let place = format!("{}: {} from `{}` to `{}`", department.code, happens.name, before.state, after.state);
    assert!(workflow.state(&after.state).is_some(), "{place}: not in the table");
    assert!(before.signed <= after.signed, "{place}: a signature is never taken back");
    let open = |s: &Standing| s.state != NEW && !workflow.list_of(&s.state).is_empty();
    if open(before) && !open(after) {
        let step = workflow.steps.iter().any(|s| {
            s.event == happens.name
                && s.from.contains(&before.state.as_str())
                && (s.effects.contains(&Effect::Tell)
                    || s.guards.contains(&Guard::Reason)
                    || s.event == "cancel")
        });
        assert!(step, "{place}: leaves the lists without a result, a reason or a cancelled order");
    }
    if effects.contains(&Effect::Tell) {
        assert!(after.signed, "{place}: what is told is signed");
    }
    let signs = !before.signed && after.signed;
    assert!(!(signs && happens.is_trainee), "{place}: a resident signs nothing alone");
    if signs && after.is_read_twice {
        let by: BTreeSet<&str> = after.readings.iter().map(|r| r.by.as_str()).collect();
        assert!(by.len() >= 2 && by.len() == after.readings.len(), "{place}: two people, each once: {by:?}");
    }
    if let Some(holder) = &before.holder
        && open(before)
        && after.holder.as_ref() != Some(holder)
    {
        let own = happens.by.as_ref() == Some(holder);
        assert!(own || effects.contains(&Effect::LetGo), "{place}: taken from {holder} by another");
    }
}

#[test]
fn of_two_who_claim_at_once_the_second_is_told_who_has_it() {
    each(|department| {
        let workflow = &department.workflow;
        let mut at = Standing::default();
        for name in department.story.iter().take_while(|e| **e != "claim") {
            at = workflow.apply(&at, &event(name, ME)).expect("the story goes on").0;
        }
        at = workflow.apply(&at, &event("claim", ME)).expect("free").0;
        let second = workflow.apply(&at, &event("claim", OTHER)).expect_err("taken");
        assert_eq!(second, Refusal::Held { by: ME.to_owned() }, "{}", department.code);
        assert!(workflow.apply(&at, &event("claim", ME)).is_ok(), "again by the same: nothing changes");
    });
}

#[test]
fn every_open_list_has_a_clock_and_more_urgent_work_has_less_time() {
    each(|department| {
        let workflow = &department.workflow;
        let now = badiano_kernel::Instant::from_seconds(1_700_000_000);
        for state in workflow.states.iter().filter(|s| !s.list.is_empty()) {
            let due = |p: &str| workflow.due(state.list, p, now).seconds();
            assert!(due("routine") > now.seconds(), "{}: no clock for {}", department.code, state.list);
            assert!(due("stat") <= due("asap") && due("asap") <= due("urgent"), "{}", state.list);
            assert!(due("urgent") <= due("routine"), "{}", state.list);
        }
    });
}

#[test]
fn every_department_has_procedures_templates_and_screens_that_can_be_read() {
    each(|department| {
        let procedures = &department.catalogue.procedures;
        assert!(!procedures.is_empty(), "{}: an empty catalogue", department.code);
        let codes: BTreeSet<&str> = procedures.iter().map(|p| p.code.as_str()).collect();
        assert_eq!(codes.len(), procedures.len(), "{}: each code once", department.code);
        assert!(procedures.iter().all(|p| p.minutes > 0), "{}", department.code);
        for procedure in procedures {
            let known = department.topics.iter().any(|t| t.code == procedure.topic);
            assert!(known, "{}: {}", department.code, procedure.code);
        }
        let templates: BTreeSet<&str> = department.templates.iter().map(|t| t.id.as_str()).collect();
        assert_eq!(templates.len(), department.templates.len(), "{}: each template once", department.code);
        for template in department.templates.iter() {
            assert!(template.sections.len() >= 3, "{}", template.id);
            assert!(template.sections.iter().all(|s| !s.title.is_empty()), "{}", template.id);
        }
        let lists = department.screens.iter().find(|s| s.name == "lists");
        let lists: serde_json::Value =
            serde_json::from_str(lists.expect("a department shows its lists").json).expect("JSON");
        let shown: BTreeSet<&str> =
            lists["lists"].as_array().expect("lists").iter().filter_map(|l| l["code"].as_str()).collect();
        let used: BTreeSet<&str> = department.workflow.states.iter().map(|s| s.list).collect();
        assert_eq!(shown, used, "{}: every list of the workflow is on a screen", department.code);
    });
}
