//! Data sets and control blocks.

use std::collections::{BTreeMap, BTreeSet};

use bridge_diag::Span;

use crate::document::{Fcda, Ied, ReportControl};
use crate::model::{Model, NodeRef};
use crate::problems::Problems;

/// Instances of one report control block: their names end in two digits.
const MAX_INSTANCES: u32 = 99;

pub(super) fn check(model: &Model, problems: &mut Problems) {
    for ied in &model.scl.ieds {
        services(ied, problems);
    }
    report_ids(model, problems);
    for node in model.nodes() {
        for set in &node.node.data_sets {
            data_set(model, node, &set.name, &set.members, set.span, problems);
        }
        let sets: BTreeSet<&str> = node.node.data_sets.iter().map(|set| set.name.as_str()).collect();
        for report in &node.node.reports {
            report_block(model, node, report, &sets, problems);
        }
        let others = node.node.goose.iter().map(|block| ("GOOSE", &block.name, &block.data_set, block.span));
        let others = others.chain(node.node.sampled.iter().map(|block| ("sampled value", &block.name, &block.data_set, block.span)));
        let others = others.chain(node.node.logs.iter().map(|block| ("log", &block.name, &block.data_set, block.span)));
        for (noun, name, data_set, span) in others {
            has_data_set(node, noun, name, data_set.as_deref(), &sets, span, problems);
        }
        if let Some(settings) = node.node.settings
            && (settings.groups == 0 || settings.active == 0 || settings.active > settings.groups)
        {
            let message = format!("the active setting group is {} of {}", settings.active, settings.groups);
            problems.error("scl::setting-group", settings.span, message, "numOfSGs is at least 1, actSG from 1 to numOfSGs");
        }
    }
}

/// What a device declares as its limits.
fn services(ied: &Ied, problems: &mut Problems) {
    let nodes = || ied.access_points.iter().flat_map(|point| &point.devices).flat_map(|device| &device.nodes);
    let counted = [
        ("data sets", "ConfDataSet", ied.services.data_sets, nodes().map(|node| node.data_sets.len()).sum::<usize>()),
        ("report control blocks", "ConfReportControl", ied.services.reports, nodes().map(|node| node.reports.len()).sum()),
        ("GOOSE control blocks", "GOOSE", ied.services.goose, nodes().map(|node| node.goose.len()).sum()),
    ];
    for (noun, service, most, found) in counted {
        if let Some(most) = most.filter(|most| usize::try_from(*most).is_ok_and(|most| found > most)) {
            let message = format!("{} declares at most {most} {noun} and has {found}", ied.name);
            problems.warning(
                "scl::service-limit",
                ied.span,
                message,
                format!("the device may refuse the rest: see {service} in its Services"),
            );
        }
    }
}

fn data_set(model: &Model, node: NodeRef<'_>, name: &str, members: &[Fcda], span: Span, problems: &mut Problems) {
    let reference = || node.reference(name, None).to_string();
    if members.is_empty() {
        problems.warning("scl::dataset-empty", span, format!("the data set {} has no members", reference()), "add its FCDAs, or remove it");
    }
    let declared = node.access_point.services.data_set_members.or(node.ied.services.data_set_members);
    let most = declared.and_then(|most| usize::try_from(most).ok());
    if let Some(most) = most.filter(|most| members.len() > *most) {
        let message = format!("the data set {} has {} members, and the device takes {most}", reference(), members.len());
        problems.error("scl::dataset-too-large", span, message, "split it into several data sets: see maxAttributes of ConfDataSet");
    }
    let mut known = BTreeSet::new();
    for member in members {
        match model.member(node, member) {
            Ok((_, mut leaves)) => {
                let arrays = leaves.next().map(|leaf| leaf.arrays.as_slice()).unwrap_or_default();
                // An array whose length the file does not say is the device's to bound.
                let fits = |index: u32| arrays.iter().any(|(_, count)| *count == 0 || index < *count);
                if let Some(index) = member.index.filter(|index| !fits(*index)) {
                    let message = format!("a member of {} is element {index} of {}, which has no such element", reference(), member.path());
                    problems.error("scl::fcda-dangling", member.span, message, "elements are counted from 0, and only arrays have them");
                }
            }
            // Nothing is known of a node whose type is missing or refused; that was told.
            Err(_) if model.member_node(node, member).and_then(|id| model.node(id)).is_some_and(|node| node.expansion.is_none()) => {}
            Err(error) => {
                let message = format!("a member of {} stands for nothing: {error}", reference());
                problems.error(
                    "scl::fcda-dangling",
                    member.span,
                    message,
                    "correct the member, or remove it: the device would refuse the whole data set",
                );
            }
        }
        if !known.insert((&member.device, &member.node, &member.object, &member.attribute, member.fc, member.index)) {
            let message = format!("the data set {} has one member twice", reference());
            problems.warning("scl::fcda-repeated", member.span, message, "remove one of them");
        }
    }
}

/// Whether a control block has a data set, and the data set is there.
fn has_data_set(
    node: NodeRef<'_>,
    noun: &str,
    name: &str,
    data_set: Option<&str>,
    sets: &BTreeSet<&str>,
    span: Span,
    problems: &mut Problems,
) {
    let Some(data_set) = data_set else {
        problems.warning(
            "scl::control-block-without-dataset",
            span,
            format!("the {noun} control block {} has no data set", node.reference(name, None)),
            "name one in datSet: until then it sends nothing",
        );
        return;
    };
    if !sets.contains(data_set) {
        let fix = problems.suggest(data_set, sets.iter().copied(), "add the <DataSet> to the same logical node");
        let message = format!("the {noun} control block {} names the data set {data_set}, which is not there", node.reference(name, None));
        problems.error("scl::dataset-unknown", span, message, fix);
    }
}

/// A client tells reports apart by their id alone.
fn report_ids(model: &Model, problems: &mut Problems) {
    let mut known: BTreeMap<(&str, &str), (NodeRef<'_>, &str)> = BTreeMap::new();
    for node in model.nodes() {
        for report in node.node.reports.iter().filter(|report| !report.report_id.is_empty()) {
            let own = (node, report.name.as_str());
            let (first, name) = *known.entry((node.ied.name.as_str(), report.report_id.as_str())).or_insert(own);
            if (first.id, name) != (node.id, report.name.as_str()) {
                let message = format!(
                    "the report control blocks {} and {} have the report id {}",
                    first.reference(name, None),
                    node.reference(&report.name, None),
                    report.report_id
                );
                problems.warning(
                    "scl::report-id-reused",
                    report.span,
                    message,
                    "give each its own rptID, or none: then it is the block's reference",
                );
            }
        }
    }
}

fn report_block(model: &Model, node: NodeRef<'_>, report: &ReportControl, sets: &BTreeSet<&str>, problems: &mut Problems) {
    let reference = || node.reference(&report.name, None).to_string();
    let span = report.span;
    has_data_set(node, "report", &report.name, report.data_set.as_deref(), sets, span, problems);
    if report.indexed && report.max_clients > MAX_INSTANCES {
        let message = format!("the report control block {} has {} instances", reference(), report.max_clients);
        problems.error("scl::rcb-instances", span, message, "instances are numbered 01 to 99: lower max of RptEnabled");
    }
    let triggers = report.triggers;
    if !(triggers.dchg || triggers.qchg || triggers.dupd || triggers.integrity) {
        let message = format!("the report control block {} has no trigger", reference());
        problems.warning(
            "scl::rcb-without-trigger",
            span,
            message,
            "add <TrgOps dchg=\"true\" qchg=\"true\"/>: without it changes are not reported",
        );
    } else if triggers.integrity && report.integrity_period_ms == 0 {
        let message = format!("the report control block {} reports by the clock, with a period of 0", reference());
        problems.warning("scl::rcb-without-period", span, message, "give intgPd in ms, or take period out of TrgOps");
    }
    if report.buffered && !report.options.entry_id {
        let message = format!("the buffered report control block {} does not send entry ids", reference());
        problems.warning(
            "scl::brcb-without-entry-id",
            span,
            message,
            "set entryID in OptFields: without it nothing can be resumed after a lost connection",
        );
    }
    for client in report.clients.iter().filter(|client| model.ied(&client.ied).is_none()) {
        let message = format!("the report control block {} is kept for {}, which is not in the file", reference(), client.ied);
        problems.warning("scl::client-unknown", span, message, "correct iedName of ClientLN, or add the client");
    }
}
