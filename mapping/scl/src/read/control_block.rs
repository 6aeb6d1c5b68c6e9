//! Data sets, control blocks and inputs.

use super::ied::node_name;
use super::private;
use crate::document::{
    ClientNode, DataSet, ExternalReference, Fc, Fcda, GooseControl, LogControl, OptionFields, ReportControl, SampledValueControl,
    SettingControl, TriggerOptions,
};
use crate::xml::{Element, Xml};

pub(super) fn data_set<'t>(xml: &mut Xml<'t>, element: &Element<'t>) -> Option<DataSet> {
    let mut set = DataSet { name: xml.need(element, "name")?, members: Vec::new(), span: element.span };
    while let Some(child) = xml.child(element) {
        match child.name {
            "FCDA" => {
                let member = fcda(xml, &child);
                set.members.push(member);
            }
            "Private" => private::pass_over(xml, &child),
            _ => xml.pass_over(&child, element),
        }
    }
    Some(set)
}

fn fcda<'t>(xml: &mut Xml<'t>, element: &Element<'t>) -> Fcda {
    let fc = element.attr("fc").and_then(Fc::parse);
    if fc.is_none() {
        xml.malformed(element, "fc", "a functional constraint such as ST or MX");
    }
    Fcda {
        device: element.text("ldInst"),
        node: node_name(element, "lnInst"),
        object: element.text("doName"),
        attribute: element.text("daName"),
        fc,
        index: xml.number(element, "ix"),
        span: element.span,
    }
}

pub(super) fn report<'t>(xml: &mut Xml<'t>, element: &Element<'t>) -> Option<ReportControl> {
    let mut report = ReportControl {
        name: xml.need(element, "name")?,
        data_set: element.optional("datSet"),
        report_id: element.text("rptID"),
        conf_rev: xml.number(element, "confRev").unwrap_or_default(),
        buffered: xml.truth(element, "buffered", false),
        buffer_time_ms: xml.number(element, "bufTime").unwrap_or_default(),
        integrity_period_ms: xml.number(element, "intgPd").unwrap_or_default(),
        indexed: xml.truth(element, "indexed", true),
        max_clients: 1,
        clients: Vec::new(),
        triggers: TriggerOptions::default(),
        options: OptionFields::default(),
        span: element.span,
    };
    while let Some(child) = xml.child(element) {
        match child.name {
            "TrgOps" => report.triggers = triggers(xml, &child),
            "OptFields" => report.options = options(xml, &child),
            "RptEnabled" => {
                report.max_clients = xml.number(&child, "max").unwrap_or(1);
                clients(xml, &child, &mut report.clients);
            }
            "Private" => private::pass_over(xml, &child),
            _ => xml.pass_over(&child, element),
        }
    }
    Some(report)
}

/// Edition 2 takes `gi` for true where it is not written.
fn triggers<'t>(xml: &mut Xml<'t>, element: &Element<'t>) -> TriggerOptions {
    TriggerOptions {
        dchg: xml.truth(element, "dchg", false),
        qchg: xml.truth(element, "qchg", false),
        dupd: xml.truth(element, "dupd", false),
        integrity: xml.truth(element, "period", false),
        gi: xml.truth(element, "gi", true),
    }
}

fn options<'t>(xml: &mut Xml<'t>, element: &Element<'t>) -> OptionFields {
    OptionFields {
        seq_num: xml.truth(element, "seqNum", false),
        time_stamp: xml.truth(element, "timeStamp", false),
        data_set: xml.truth(element, "dataSet", false),
        reason_code: xml.truth(element, "reasonCode", false),
        data_ref: xml.truth(element, "dataRef", false),
        entry_id: xml.truth(element, "entryID", false),
        config_ref: xml.truth(element, "configRef", false),
        buf_ovfl: xml.truth(element, "bufOvfl", true),
    }
}

fn clients<'t>(xml: &mut Xml<'t>, element: &Element<'t>, into: &mut Vec<ClientNode>) {
    while let Some(child) = xml.child(element) {
        if child.name == "ClientLN" {
            into.push(ClientNode {
                ied: child.text("iedName"),
                access_point: child.text("apRef"),
                device: child.text("ldInst"),
                node: node_name(&child, "lnInst"),
            });
        } else {
            xml.pass_over(&child, element);
        }
    }
}

pub(super) fn goose<'t>(xml: &mut Xml<'t>, element: &Element<'t>) -> Option<GooseControl> {
    let mut goose = GooseControl {
        name: xml.need(element, "name")?,
        data_set: element.optional("datSet"),
        app_id: element.text("appID"),
        conf_rev: xml.number(element, "confRev").unwrap_or_default(),
        is_goose: element.attr("type").is_none_or(|kind| kind == "GOOSE"),
        subscribers: Vec::new(),
        span: element.span,
    };
    while let Some(child) = xml.child(element) {
        match child.name {
            "IEDName" => {
                let name = xml.content(&child);
                goose.subscribers.push(name);
            }
            "Private" => private::pass_over(xml, &child),
            _ => xml.pass_over(&child, element),
        }
    }
    Some(goose)
}

pub(super) fn sampled<'t>(xml: &mut Xml<'t>, element: &Element<'t>) -> Option<SampledValueControl> {
    Some(SampledValueControl {
        name: xml.need(element, "name")?,
        data_set: element.optional("datSet"),
        smv_id: element.text("smvID"),
        conf_rev: xml.number(element, "confRev").unwrap_or_default(),
        sample_rate: xml.number(element, "smpRate").unwrap_or_default(),
        asdus: xml.number(element, "nofASDU").unwrap_or(1),
        span: element.span,
    })
}

pub(super) fn log<'t>(xml: &mut Xml<'t>, element: &Element<'t>) -> Option<LogControl> {
    let mut log = LogControl {
        name: xml.need(element, "name")?,
        data_set: element.optional("datSet"),
        log: element.text("logName"),
        enabled: xml.truth(element, "logEna", true),
        integrity_period_ms: xml.number(element, "intgPd").unwrap_or_default(),
        triggers: TriggerOptions::default(),
        span: element.span,
    };
    while let Some(child) = xml.child(element) {
        match child.name {
            "TrgOps" => log.triggers = triggers(xml, &child),
            "Private" => private::pass_over(xml, &child),
            _ => xml.pass_over(&child, element),
        }
    }
    Some(log)
}

pub(super) fn settings<'t>(xml: &mut Xml<'t>, element: &Element<'t>) -> SettingControl {
    SettingControl {
        groups: xml.number(element, "numOfSGs").unwrap_or_default(),
        active: xml.number(element, "actSG").unwrap_or(1),
        span: element.span,
    }
}

pub(super) fn inputs<'t>(xml: &mut Xml<'t>, element: &Element<'t>, into: &mut Vec<ExternalReference>) {
    while let Some(child) = xml.child(element) {
        match child.name {
            "ExtRef" => into.push(ExternalReference {
                ied: child.text("iedName"),
                device: child.text("ldInst"),
                node: node_name(&child, "lnInst"),
                object: child.text("doName"),
                attribute: child.text("daName"),
                service: child.text("serviceType"),
                control_block: child.text("srcCBName"),
                internal_address: child.text("intAddr"),
                span: child.span,
            }),
            "Private" => private::pass_over(xml, &child),
            _ => xml.pass_over(&child, element),
        }
    }
}
