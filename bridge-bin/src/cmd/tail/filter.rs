//! What of a journal a person wants to see: each filter narrows, several values of one filter widen.

use std::collections::BTreeSet;

use bridge_ies::{Severity, Verb, parse_time};
use bridge_model::Validity;
use bridge_profile::parse_duration;
use bridge_provenance::OperationLeaf;
use serde_json::Value;

use crate::clock;
use crate::fault::Fault;

/// Known names that an error lists.
const MAX_LISTED: usize = 24;

/// The filters as given.
#[derive(clap::Args, Debug, Default)]
pub(crate) struct FilterArgs {
    /// Only messages of this verb; values of points are `stream`. May be given again.
    #[arg(long, value_name = "VERB")]
    verb: Vec<String>,
    /// Only about this resource: its address, or the address's last part. May be given again.
    #[arg(long, value_name = "RESOURCE")]
    resource: Vec<String>,
    /// Only this point, or those that begin so (`U1.*`). May be given again.
    #[arg(long, value_name = "POINT")]
    point: Vec<String>,
    /// Only from or to this link or peer. May be given again.
    #[arg(long, value_name = "LINK")]
    link: Vec<String>,
    /// Only values of this quality: good, questionable, invalid. May be given again.
    #[arg(long, value_name = "QUALITY")]
    quality: Vec<String>,
    /// Only alarms of this severity: critical, warning, info. May be given again.
    #[arg(long, value_name = "SEVERITY")]
    severity: Vec<String>,
    /// Not before this time (RFC 3339), or so long ago (`15min`).
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Not after this time (RFC 3339), or so long ago.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

/// The filters, understood.
#[derive(Debug, Default)]
pub(super) struct Filter {
    verbs: Vec<Verb>,
    resources: Vec<String>,
    points: Vec<String>,
    links: Vec<String>,
    qualities: Vec<Validity>,
    severities: Vec<Severity>,
    since: Option<i64>,
    until: Option<i64>,
}

/// What is known of one line before it is printed.
#[derive(Debug, Default)]
pub(super) struct Item {
    pub(super) verb: Option<String>,
    pub(super) resources: Vec<String>,
    pub(super) points: Vec<String>,
    pub(super) link: Option<String>,
    pub(super) quality: Option<Validity>,
    pub(super) severity: Option<String>,
    pub(super) at_ns: i64,
}

/// The names that the journal itself knows.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) points: BTreeSet<String>,
    pub(super) resources: BTreeSet<String>,
    pub(super) links: BTreeSet<String>,
}

impl FilterArgs {
    /// Understands the filters, as far as they need no journal.
    pub(super) fn read(&self) -> Result<Filter, Fault> {
        let verbs = self.verb.iter().map(|word| {
            Verb::parse(&word.to_ascii_lowercase()).ok_or_else(|| unknown("verb", word, Verb::ALL.iter().map(|verb| verb.as_str())))
        });
        let words = [("good", Validity::Good), ("questionable", Validity::Questionable), ("invalid", Validity::Invalid)];
        let qualities = self.quality.iter().map(|word| {
            let found = words.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, validity)| *validity);
            found.ok_or_else(|| unknown("quality", word, words.iter().map(|(known, _)| *known)))
        });
        let severities = self.severity.iter().map(|word| {
            let known = Severity::ALL.iter().map(|severity| severity.as_str());
            Severity::parse(&word.to_ascii_uppercase()).ok_or_else(|| unknown("severity", word, known))
        });
        let filter = Filter {
            verbs: verbs.collect::<Result<_, _>>()?,
            resources: self.resource.clone(),
            points: self.point.clone(),
            links: self.link.clone(),
            qualities: qualities.collect::<Result<_, _>>()?,
            severities: severities.collect::<Result<_, _>>()?,
            since: self.since.as_deref().map(instant).transpose()?,
            until: self.until.as_deref().map(instant).transpose()?,
        };
        if let (Some(since), Some(until)) = (filter.since, filter.until)
            && since > until
        {
            return Err(Fault::new("nothing lies between --since and --until").fix("--since is the earlier one"));
        }
        Ok(filter)
    }
}

fn unknown<'a>(what: &str, word: &str, known: impl Iterator<Item = &'a str> + Clone) -> Fault {
    let near = bridge_diag::nearest(word, known.clone());
    let mut list: Vec<&str> = known.take(MAX_LISTED + 1).collect();
    if list.len() > MAX_LISTED {
        list.truncate(MAX_LISTED);
        list.push("…");
    }
    let guess = near.map_or_else(String::new, |near| format!("did you mean `{near}`? "));
    Fault::new(format!("no {what} is called `{word}`")).fix(format!("{guess}known: {}", list.join(", ")))
}

/// A time, or how long ago.
fn instant(text: &str) -> Result<i64, Fault> {
    if let Ok(at) = parse_time(text) {
        return Ok(at);
    }
    match parse_duration(text) {
        Some(ago) => Ok((clock::now().utc - ago).0),
        None => Err(Fault::new(format!("`{text}` is no time"))
            .fix("write it with date and offset (2026-11-22T14:00:00+05:30), or how long ago (15min)")),
    }
}

impl Filter {
    /// Whether names of the journal are asked for.
    pub(super) fn names_things(&self) -> bool {
        !(self.points.is_empty() && self.resources.is_empty() && self.links.is_empty())
    }

    /// Refuses names that the journal does not know, with those it knows.
    pub(super) fn check(&self, known: &Known) -> Result<(), Fault> {
        // A journal that describes nothing yet cannot contradict.
        if known.points.is_empty() {
            return Ok(());
        }
        let there = |list: &BTreeSet<String>, fits: &dyn Fn(&str) -> bool| list.iter().any(|name| fits(name));
        for word in &self.points {
            if !there(&known.points, &|name| is_point(word, name)) {
                return Err(unknown("point", word, known.points.iter().map(String::as_str)));
            }
        }
        for word in &self.resources {
            if !there(&known.resources, &|name| is_resource(word, name)) {
                return Err(unknown("resource", word, known.resources.iter().map(String::as_str)));
            }
        }
        for word in &self.links {
            if !there(&known.links, &|name| word == name) {
                return Err(unknown("link or peer", word, known.links.iter().map(String::as_str)));
            }
        }
        Ok(())
    }

    /// Nothing after this can pass.
    pub(super) fn over(&self, at_ns: i64) -> bool {
        self.until.is_some_and(|until| at_ns > until)
    }

    /// Whether the line is wanted. What a line does not have does not fit a filter that asks for it.
    pub(super) fn takes(&self, item: &Item) -> bool {
        fn any<T>(wanted: &[T], fits: impl Fn(&T) -> bool) -> bool {
            wanted.is_empty() || wanted.iter().any(fits)
        }
        self.since.is_none_or(|since| item.at_ns >= since)
            && !self.over(item.at_ns)
            && any(&self.verbs, |verb| item.verb.as_deref() == Some(verb.as_str()))
            && any(&self.resources, |word| item.resources.iter().any(|era| is_resource(word, era)))
            && any(&self.points, |word| item.points.iter().any(|point| is_point(word, point)))
            && any(&self.links, |word| item.link.as_deref() == Some(word))
            && any(&self.qualities, |quality| item.quality == Some(*quality))
            && any(&self.severities, |severity| item.severity.as_deref() == Some(severity.as_str()))
    }
}

fn is_point(word: &str, id: &str) -> bool {
    word.strip_suffix('*').map_or(word == id, |start| id.starts_with(start))
}

fn is_resource(word: &str, era: &str) -> bool {
    era == word || era.rsplit(['/', ':']).next().is_some_and(|last| last.eq_ignore_ascii_case(word))
}

/// What an operation is about, from its own signed content.
pub(super) fn of_operation(leaf: &OperationLeaf) -> Item {
    let body: Value = serde_json::from_slice(&leaf.body).unwrap_or_default();
    let operation = body.pointer("/message/contract/performance/0/performanceAttributes").unwrap_or(&body);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let payload = &operation["payload"];
    let alarm = payload["alarmId"].as_str().and_then(|id| id.rsplit_once('/')).map(|(point, _)| point.to_owned());
    let entries = payload["entries"].as_array().into_iter().flatten().filter_map(|entry| text(&entry["signal"]));
    Item {
        verb: Some(leaf.verb.clone()),
        resources: operation["resources"].as_array().into_iter().flatten().filter_map(|resource| text(&resource["era"])).collect(),
        points: alarm.into_iter().chain(entries).collect(),
        link: Some(leaf.peer.clone()),
        quality: None,
        severity: text(&payload["severity"]),
        at_ns: leaf.at_ns,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Edit = fn(&mut FilterArgs);

    fn args(edit: impl FnOnce(&mut FilterArgs)) -> FilterArgs {
        let mut args = FilterArgs::default();
        edit(&mut args);
        args
    }

    fn power(quality: Validity) -> Item {
        Item {
            verb: Some("stream".into()),
            resources: vec!["era:in/wr/tps-a/u1".into()],
            points: vec!["U1.p".into()],
            link: Some("rtu".into()),
            quality: Some(quality),
            severity: None,
            at_ns: 1_000,
        }
    }

    #[test]
    fn filters_narrow_and_values_of_one_filter_widen() {
        let cases: [(Edit, bool); 11] = [
            (|_| {}, true),
            (|a| a.verb = vec!["alarm".into(), "Stream".into()], true),
            (|a| a.verb = vec!["alarm".into()], false),
            (|a| a.resource = vec!["U1".into()], true),
            (|a| a.resource = vec!["era:in/wr/tps-a/u2".into()], false),
            (|a| a.point = vec!["U1.*".into()], true),
            (|a| a.point = vec!["U1".into()], false),
            (|a| a.link = vec!["rtu".into()], true),
            (|a| a.severity = vec!["critical".into()], false),
            (|a| (a.point, a.quality) = (vec!["U1.p".into()], vec!["invalid".into()]), false),
            (|a| (a.point, a.quality) = (vec!["U1.p".into()], vec!["invalid".into(), "good".into()]), true),
        ];
        for (edit, expected) in cases {
            let args = args(edit);
            assert_eq!(args.read().unwrap().takes(&power(Validity::Good)), expected, "{args:?}");
        }
    }

    #[test]
    fn times_bound_on_both_sides() {
        let filter = |since, until| Filter { since, until, ..Filter::default() };
        let item = power(Validity::Good);
        assert!(filter(Some(1_000), Some(1_000)).takes(&item));
        assert!(!filter(Some(1_001), None).takes(&item));
        assert!(!filter(None, Some(999)).takes(&item));
        let reversed = args(|a| {
            a.since = Some("2026-11-22T14:00:00Z".into());
            a.until = Some("2026-11-22T13:00:00Z".into());
        });
        assert!(reversed.read().unwrap_err().to_string().contains("nothing lies between"));
    }

    #[test]
    fn a_bad_value_is_named_with_the_known_ones() {
        let cases: [(Edit, &str, &str); 4] = [
            (|a| a.verb = vec!["alarn".into()], "no verb is called `alarn`", "did you mean `alarm`? known: stream, alarm,"),
            (|a| a.quality = vec!["bad".into()], "no quality is called `bad`", "good, questionable, invalid"),
            (|a| a.severity = vec!["major".into()], "no severity is called `major`", "CRITICAL, WARNING, INFO"),
            (|a| a.since = Some("yesterday".into()), "`yesterday` is no time", "how long ago (15min)"),
        ];
        for (edit, what, fix) in cases {
            let text = args(edit).read().unwrap_err().to_string();
            assert!(text.contains(what) && text.contains(fix), "{text}");
        }
        let known = Known {
            points: BTreeSet::from(["U1.p".to_owned()]),
            resources: BTreeSet::from(["era:in/u1".to_owned()]),
            links: BTreeSet::from(["rtu".to_owned()]),
        };
        let names: [(Edit, &str); 3] = [
            (|a| a.point = vec!["U1.q".into()], "no point is called `U1.q`"),
            (|a| a.resource = vec!["U9".into()], "no resource is called `U9`"),
            (|a| a.link = vec!["ems".into()], "no link or peer is called `ems`"),
        ];
        for (edit, what) in names {
            let text = args(edit).read().unwrap().check(&known).unwrap_err().to_string();
            assert!(text.contains(what) && text.contains("known: "), "{text}");
        }
    }
}
