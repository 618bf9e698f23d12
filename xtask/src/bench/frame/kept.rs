//! What a run of a bench has measured: `docs/bench/AREA.md`, with what is to be reached beside it.

use crate::{place, process};
use serde_json::Value;
use std::process::Command;

/// What is to be reached: at least, or at most, by which way is better.
const TO_REACH: &[(&str, f64)] = &[
    ("cstore_1_vs_floor", 0.7),
    ("cstore_1_vs_orthanc", 5.0),
    ("cstore_8_vs_floor", 0.7),
    ("cstore_8_vs_orthanc", 2.0),
    ("cpu_ms_per_ct", 1.0),
    ("nagle_vs_tuned", 1.2),
    ("peak_mb_object", 68.0),
    ("wado_study_vs_nginx", 0.5),
    ("frames_p50_vs_nginx", 1.5),
    ("frames_8_vs_nginx", 0.5),
    ("metadata_vs_nginx", 2.0),
    ("metadata_300_p95_ms", 50.0),
    ("qido_25_p95_ms_100k", 5.0),
    ("cfind_p95_ms_100k", 5.0),
    ("cmove_vs_storescu", 0.8),
    ("cget_vs_storescu", 0.8),
    ("start_s", 2.0),
    ("ingest_res_s", 5_000.0),
    ("ingest_vs_peer", 5.0),
    ("import_res_s", 15_000.0),
    ("read_p95_ms", 1.0),
    ("read_per_s", 12_000.0),
    ("read_vs_peer", 1.0),
    ("search_pcd_p95_ms_100k", 3.0),
    ("search_pcd_p95_ms_10m", 6.0),
    ("chain_p95_ms", 15.0),
    ("has_p95_ms", 15.0),
    ("revinclude_p95_ms", 15.0),
    ("count_hits_core_s", 5_000_000.0),
    ("validate_res_core_s", 10_000.0),
    ("validate_profile_res_core_s", 3_000.0),
    ("lookup_per_s", 20_000.0),
    ("expand_350k_ms", 20.0),
    ("bytes_per_resource", 1_000.0),
    ("start_s_10m", 1.0),
    ("idle_mb", 100.0),
    ("link_5m_s", 600.0),
    ("match_p99_ms_5m", 20.0),
    ("curp_p99_ms", 1.0),
    ("pairs_core_s", 1_000_000.0),
    ("fanout_32_p99_ms", 150.0),
    ("fanout_over_deadline_ms", 50.0),
    ("hub_req_s", 2_000.0),
    ("revocation_ms", 1_000.0),
    ("consent_core_s", 1_000_000.0),
    ("audit_appends_s", 10_000.0),
    ("audit_cost_pct", 5.0),
    ("proof_bytes", 4_096.0),
    ("parse_mb_core_s", 200.0),
    ("durable_ack_s", 20_000.0),
    ("assign_10k_ms", 100.0),
];

/// Writes the page of an area.
pub fn keep(area: &str, what: &str, lines: &[Value]) -> Result<(), String> {
    let path = place::root().join("docs/bench").join(format!("{area}.md"));
    let write = std::fs::create_dir_all(path.parent().unwrap_or(place::root()))
        .and_then(|()| std::fs::write(&path, page(area, what, &commit()?, &machine(), lines)));
    write.map_err(|e| format!("{}: {e}", path.display()))?;
    eprintln!("kept in docs/bench/{area}.md");
    Ok(())
}

/// The commit that runs, and whether something was changed since.
fn commit() -> Result<String, std::io::Error> {
    let git = |arguments: &[&str]| {
        process::read(Command::new("git").current_dir(place::root()).args(arguments))
            .map_err(std::io::Error::other)
    };
    let changed = !git(&["status", "--porcelain", "--untracked-files=no"])?.trim().is_empty();
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    Ok(format!("{}{}", commit.trim(), if changed { " with changes" } else { "" }))
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let about = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = about.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    format!("{cores} cores of {}", model.map_or("an unknown processor", |(_, name)| name))
}

fn page(area: &str, what: &str, commit: &str, machine: &str, lines: &[Value]) -> String {
    let loads: Vec<f64> = lines.iter().filter_map(|line| line["load"].as_f64()).collect();
    let (least, most) =
        (loads.iter().copied().fold(f64::MAX, f64::min), loads.iter().copied().fold(0.0, f64::max));
    let mut page = format!(
        "# Bench: {area}\n\nOf {what}. Made by `cargo xtask bench {area} --keep` at commit {commit}, on {machine}, \
         load average {least:.1} to {most:.1} (the bench itself included).\n\n\
         | measure | value | of | better | to reach | |\n|---|---|---|---|---|---|\n"
    );
    for line in lines {
        let text = |name: &str| line[name].as_str().unwrap_or_default();
        let [measure, unit, better, of] = ["measure", "unit", "better", "ratio_to"].map(text);
        let goal = TO_REACH.iter().find(|(name, _)| *name == measure).map(|(_, goal)| *goal);
        let reached = goal.map_or("", |goal| if is_reached(line, goal) { "reached" } else { "**not yet**" });
        let goal = goal.map(|goal| goal.to_string()).unwrap_or_default();
        let row =
            format!("| `{measure}` | {} {unit} | {of} | {better} | {goal} | {reached} |", line["value"]);
        page.push_str(&row);
        page.push('\n');
    }
    page
}

fn is_reached(line: &Value, goal: f64) -> bool {
    let value = line["value"].as_f64();
    value.is_some_and(|value| if line["better"] == "higher" { value >= goal } else { value <= goal })
}

#[cfg(test)]
mod tests {
    use super::page;
    use serde_json::json;

    #[test]
    fn a_page_says_of_each_goal_whether_it_is_reached() {
        let line = |measure: &str, value: f64, better: &str| json!({ "measure": measure, "value": value, "unit": "", "ratio_to": null, "better": better, "load": 1.5 });
        let lines = [
            line("read_per_s", 13_000.0, "higher"),
            line("read_p95_ms", 1.2, "lower"),
            line("read_cpu_ms", 0.1, "lower"),
        ];
        let page = page("fhir", "reads", "abc", "2 cores", &lines);
        assert!(page.contains("| `read_per_s` | 13000.0  |  | higher | 12000 | reached |"), "{page}");
        assert!(page.contains("| `read_p95_ms` | 1.2  |  | lower | 1 | **not yet** |"), "{page}");
        assert!(
            page.contains("| `read_cpu_ms` | 0.1  |  | lower |  |  |"),
            "what has no goal says nothing of one: {page}"
        );
        assert!(page.contains("load average 1.5 to 1.5"), "{page}");
    }
}
