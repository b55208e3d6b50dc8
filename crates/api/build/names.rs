//! Rust names for the model's names.

const KEYWORDS: &[&str] = &[
    "as", "async", "await", "box", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern",
    "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut",
    "override", "priv", "pub", "ref", "return", "static", "struct", "super", "trait", "try", "type",
    "unsafe", "use", "where", "while", "yield",
];

/// Names that the generated code itself uses.
const TAKEN: &[&str] = &["Box", "Default", "Option", "Self", "String", "Vec"];

/// A service's module: `service-quotas` becomes `service_quotas`.
pub fn module(service: &str) -> String {
    service.replace('-', "_")
}

/// A structure's type: the shape's name, with `Shape` behind it where Rust has that name already.
pub fn structure(shape: &str) -> String {
    if TAKEN.contains(&shape) { format!("{shape}Shape") } else { upper_first(shape) }
}

fn upper_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Units and words whose capitals are no word boundaries.
const WHOLE_WORDS: &[(&str, &str)] =
    &[("MiB", "Mib"), ("GiB", "Gib"), ("MBps", "Mbps"), ("GBps", "Gbps"), ("VCpu", "Vcpu"), ("IPv", "Ipv")];

/// A member's field: `VpcId` becomes `vpc_id`, `EnableDnsSupport` `enable_dns_support`, `DNSName` `dns_name`.
pub fn field(member: &str) -> String {
    let member = WHOLE_WORDS.iter().fold(member.to_owned(), |name, (word, plain)| name.replace(word, plain));
    let letters: Vec<char> = member.chars().collect();
    let mut name = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|i| letters.get(i));
        let after = letters.get(at + 1);
        let begins_word = letter.is_uppercase()
            && before.is_some_and(|b| {
                b.is_lowercase()
                    || b.is_ascii_digit()
                    || after.is_some_and(|a| a.is_lowercase() && is_not_plural(&letters, at))
            });
        if begins_word && !name.ends_with('_') {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    let name = name.replace(['-', '.', ':'], "_");
    if KEYWORDS.contains(&name.as_str()) { format!("r#{name}") } else { name }
}

/// Whether the capital at that place is not the last of a plural such as `ARNs` or `IDs`.
fn is_not_plural(letters: &[char], at: usize) -> bool {
    let ends_after_s =
        letters.get(at + 1) == Some(&'s') && letters.get(at + 2).is_none_or(|c| c.is_uppercase());
    !ends_after_s
}
