//! A strict reader of our own pages: browsers forgive, this doesn't.

use std::collections::{BTreeMap, BTreeSet};

use base64::prelude::{BASE64_STANDARD, Engine};

/// An element's name, its attributes, and the text directly in it.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) text: String,
}

/// Elements that have no end: HTML, "Void elements".
const VOID: [&str; 6] = ["meta", "link", "img", "input", "br", "hr"];
/// What ends an open paragraph, so that the `</p>` behind it would stand alone.
const BLOCKS: [&str; 13] = [
    "p", "div", "ul", "ol", "section", "article", "figure", "header", "footer", "details", "pre", "h1", "h2",
];

/// The elements of a page in the order of their starts.
///
/// # Panics
/// When an element is not closed or closed out of turn, stands where HTML forbids it, has an attribute twice or without quotes;
/// when an `&` or a `<` is not written as HTML wants it; when two elements have one id.
pub(crate) fn elements(page: &str) -> Vec<Element> {
    let mut rest = page.strip_prefix("<!DOCTYPE html>").expect("a page begins with its doctype");
    let (mut found, mut open): (Vec<Element>, Vec<usize>) = (Vec::new(), Vec::new());
    loop {
        let parent = open.last().copied();
        let raw = parent.is_some_and(|parent| ["style", "script"].contains(&found[parent].name.as_str()));
        let until = if raw { rest.find("</") } else { rest.find('<') };
        let (text, tag) = rest.split_at(until.unwrap_or(rest.len()));
        match parent {
            Some(parent) if raw => found[parent].text.push_str(text),
            Some(parent) => found[parent].text.push_str(&unescaped(text)),
            None => assert!(text.trim().is_empty(), "{text:?} is outside of the page"),
        }
        if tag.is_empty() {
            break;
        }
        let end = end_of_tag(tag);
        let inside = &tag[1..end];
        rest = &tag[end + 1..];
        if let Some(name) = inside.strip_prefix('/') {
            let closed = open.pop().map(|at| found[at].name.clone());
            assert_eq!(closed.as_deref(), Some(name), "closed out of turn before {rest:.60}");
            continue;
        }
        let element = read(inside);
        let ancestors = || open.iter().map(|at| found[*at].name.as_str());
        let parent = ancestors().next_back().unwrap_or_default();
        let name = element.name.as_str();
        assert!(!ancestors().any(|a| a == "p") || !BLOCKS.contains(&name), "<{name}> in a paragraph");
        assert!(!["ul", "ol"].contains(&parent) || name == "li", "<{name}> in a list");
        assert!(name != "li" || ["ul", "ol"].contains(&parent), "<li> in <{parent}>");
        assert!(!ancestors().any(|a| a == "a") || name != "a", "a link in a link");
        assert!(name != "summary" || parent == "details", "<summary> in <{parent}>");
        assert!(parent != "select" || name == "option", "<{name}> in a choice");
        if !VOID.contains(&name) {
            open.push(found.len());
        }
        found.push(element);
    }
    assert!(
        open.is_empty(),
        "never closed: {:?}",
        open.iter().map(|at| &found[*at].name).collect::<Vec<_>>()
    );
    let ids: Vec<&String> = found.iter().filter_map(|element| element.attributes.get("id")).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "an id is there twice: {ids:?}");
    found
}

/// Where a tag ends: at the first `>` that is in no attribute.
fn end_of_tag(tag: &str) -> usize {
    let mut quoted = false;
    for (at, byte) in tag.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'>' if !quoted => return at,
            _ => {}
        }
    }
    panic!("a tag never ends: {tag:.60}");
}

/// The inside of a start tag.
fn read(tag: &str) -> Element {
    let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    assert!(
        name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) && !name.is_empty(),
        "<{name}>"
    );
    let mut attributes = BTreeMap::new();
    while !rest.is_empty() {
        let name = rest.split([' ', '=']).next().unwrap_or_default();
        let named = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && !name.is_empty();
        assert!(named, "{name:?} is no attribute: <{tag}>");
        rest = &rest[name.len()..];
        let mut value = String::new();
        if let Some(quoted) = rest.strip_prefix("=\"") {
            let end = quoted.find('"').unwrap_or_else(|| panic!("a quote is missing: <{tag}>"));
            value = unescaped(&quoted[..end]);
            rest = &quoted[end + 1..];
        }
        assert!(rest.is_empty() || rest.starts_with(' '), "{rest:?} follows an attribute: <{tag}>");
        rest = rest.trim_start();
        assert!(attributes.insert(name.to_owned(), value).is_none(), "{name} is there twice: <{tag}>");
    }
    Element { name: name.to_owned(), attributes, text: String::new() }
}

fn unescaped(text: &str) -> String {
    assert!(!text.contains('<'), "an unescaped < in {text:?}");
    let mut parts = text.split('&');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (entity, rest) = part.split_once(';').unwrap_or_else(|| panic!("an unescaped & in {text:?}"));
        out.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            _ => panic!("&{entity}; in {text:?}"),
        });
        out.push_str(rest);
    }
    out
}

/// What a link of an export holds.
pub(crate) fn data(link: &str, kind: &str) -> String {
    let data = link.strip_prefix(&format!("data:{kind};charset=utf-8;base64,"));
    let data = data.unwrap_or_else(|| panic!("{link:.60} is no {kind}"));
    String::from_utf8(BASE64_STANDARD.decode(data).unwrap()).unwrap()
}

#[test]
fn what_a_browser_would_forgive_is_refused() {
    let page = |body: &str| format!("<!DOCTYPE html><html><body>{body}</body></html>");
    let right =
        page("<p class=\"a\" hidden>1 &lt; 2<br>3</p><ul><li>x</li></ul><script>if (a < b) {}</script>");
    let read = elements(&right);
    assert_eq!(read[2].text, "1 < 23");
    assert_eq!(read[2].attributes["class"], "a");
    for wrong in [
        "<p>",
        "<b><i></b></i>",
        "<p><div></div></p>",
        "<ul><b></b></ul>",
        "a & b",
        "<p class=a></p>",
        "<p class=\"a\"class=\"b\"></p>",
        "<p id=\"a\"></p><p id=\"a\"></p>",
        "<a href=\"\"><a href=\"\"></a></a>",
        "a > b < c",
    ] {
        assert!(std::panic::catch_unwind(|| elements(&page(wrong))).is_err(), "{wrong}");
    }
}
