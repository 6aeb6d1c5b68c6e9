//! `expand` says the same, flat, and where each row comes from.

use crate::kit::{all, in_memory, meaning, profile};
use bridge_author::{to_csv, to_toml};

#[test]
fn an_expanded_profile_compiles_to_an_equal_plan() {
    for (name, before) in all() {
        let text = to_toml(&before.expansion, &before.report);
        let after = profile(&in_memory(&[("profile.toml", &text)]));
        assert_eq!(meaning(after.plan), meaning(before.plan), "{name}");
        for (list, rows) in &after.expansion.rows {
            assert!(rows.iter().all(|row| row.origin.is_none()), "{name}: {list} still expand");
        }
    }
}

#[test]
fn templates_groups_lists_and_point_lists_name_their_origin() {
    let list = "id,ioa,ti,on,class,type,unit,sign,text\nx.q,7,M_ME_TF_1,U1,Analog,ReactivePower,MVAr,generation,\"a, \"\"b\"\"\"\n";
    let text = r#"schema = "ies-cim-profile/1"
id = "x"
version = "1.0.0"
cim = "CIM17"
[era]
U = { address = "era:u{n}", class = "Breaker", for = { n = "1..2" } }
[link]
rtu = { protocol = "iec104", role = "client", ca = 1, zone = "UTC" }
[group.g]
on = "rtu"
points = [
  { id = "g.{n}", for = { n = "1..2" }, addr = { ioa = "{n}", ti = "M_SP_TB_1" }, cim = { on = "U{n}", class = "Discrete", type = "x-A" }, verbs = ["log"] },
]
[template.t]
params = ["b"]
points = [{ id = "t.{b}", addr = { ioa = "{b+1}", ti = "M_SP_TB_1" }, cim = { on = "U1", class = "Discrete", type = "x-B" } }]
[[use]]
template = "t"
on = "rtu"
for = [{ b = 10 }]
[[points_csv]]
file = "list.csv"
on = "rtu"
"#;
    let before = profile(&in_memory(&[("profile.toml", text), ("list.csv", list)]));
    let flat = to_toml(&before.expansion, &before.report);
    for part in [
        r#"{ id = "g.1", on = "rtu", addr = { ioa = 1, ti = "M_SP_TB_1" }"#,
        "# profile.toml:12 (group g, n=2)",
        "# profile.toml:16 (template t, b=10)",
        "# list.csv:2\n",
        r#"U2 = { address = "era:u2", class = "Breaker" }"#,
    ] {
        assert!(flat.contains(part), "{part} is not in\n{flat}");
    }
    assert_eq!(meaning(profile(&in_memory(&[("profile.toml", &flat)])).plan), meaning(before.plan));
    let csv = to_csv(&before.expansion, &before.report);
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0], "kind,origin,id,addr.ioa,addr.ti,cim.on,cim.class,cim.type,verbs,on,unit,sign,text");
    assert_eq!(lines[1], "point,\"profile.toml:12 (group g, n=1)\",g.1,1,M_SP_TB_1,U1,Discrete,x-A,log,rtu,,,");
    assert!(lines[4].ends_with("x.q,7,M_ME_TF_1,U1,Analog,ReactivePower,,rtu,MVAr,generation,\"a, \"\"b\"\"\""), "{}", lines[4]);
}
