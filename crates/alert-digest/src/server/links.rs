//! Addresses of reports: signed, and with an end.

use jiff::Timestamp;
use url::Url;

use crate::store::{Job, JobId, Keyring, WorkspaceId, hex, to_hex};

/// The page of a job's report, good until the job expires.
pub(super) fn report(keys: &Keyring, public: &Url, job: &Job) -> Url {
    let until = job.expires.as_second().to_string();
    let tag = keys.sign(&["report", job.workspace.as_str(), job.id.as_str(), &until]);
    let mut url = public.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(["r", job.workspace.as_str(), job.id.as_str()]);
    }
    url.query_pairs_mut().append_pair("e", &until).append_pair("s", &to_hex(&tag));
    url
}

/// Which report an address means; none if it was not signed here or has ended.
pub(super) fn check(
    keys: &Keyring,
    now: Timestamp,
    workspace: &str,
    job: &str,
    until: &str,
    tag: &str,
) -> Option<(WorkspaceId, JobId)> {
    let tag = hex(tag)?;
    let in_time = now.as_second() < until.parse::<i64>().ok()?;
    // The signature is checked in any case, so that the time it takes tells nothing.
    let signed = keys.verify(&["report", workspace, job, until], &tag);
    (signed && in_time).then_some(())?;
    Some((WorkspaceId::new(workspace).ok()?, JobId::parse(job)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::digest::Sensitivity;
    use crate::store::Request;

    fn job() -> Job {
        let at = |second| Timestamp::from_second(second).unwrap();
        let request = Request {
            channel: "C1".into(),
            from: at(0),
            to: at(1),
            sensitivity: Sensitivity::Normal,
            compare: false,
            threads: false,
            post_to: "C1".into(),
            user: "U1".into(),
            scheduled: false,
        };
        let id = JobId::parse(&"0f".repeat(16)).unwrap();
        Job::new(id, WorkspaceId::new("T1").unwrap(), request, at(0), at(1000))
    }

    fn parts(url: &Url) -> [String; 4] {
        let path: Vec<&str> = url.path_segments().unwrap().collect();
        let query = |name: &str| url.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
        [path[path.len() - 2].into(), path[path.len() - 1].into(), query("e"), query("s")]
    }

    fn opens(keys: &Keyring, now: i64, [workspace, job, until, tag]: &[String; 4]) -> bool {
        check(keys, Timestamp::from_second(now).unwrap(), workspace, job, until, tag).is_some()
    }

    #[test]
    fn a_link_opens_its_report_until_it_ends() {
        let keys = Keyring::new(&[7; 32]).unwrap();
        let url = report(&keys, &Url::parse("https://x.io/digest/").unwrap(), &job());
        assert!(url.as_str().starts_with("https://x.io/digest/r/T1/0f0f"), "{url}");
        assert!(opens(&keys, 999, &parts(&url)));
        assert!(!opens(&keys, 1000, &parts(&url)));
        assert!(!opens(&Keyring::new(&[8; 32]).unwrap(), 0, &parts(&url)));
    }

    proptest! {
        #[test]
        fn a_link_with_any_part_changed_opens_nothing(which in 0_usize..4, with in "[A-Za-z0-9]{0,64}") {
            let keys = Keyring::new(&[7; 32]).unwrap();
            let mut parts = parts(&report(&keys, &Url::parse("https://x.io").unwrap(), &job()));
            prop_assume!(parts[which] != with);
            parts[which] = with;
            prop_assert!(!opens(&keys, 0, &parts));
        }
    }
}
