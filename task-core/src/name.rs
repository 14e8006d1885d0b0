//! Checks names of queues and tenants.

/// The most characters of a tenant's name: the limit of message groups in SQS's fair queues.
pub const MAX_TENANT_CHARS: usize = 128;

/// Whether a queue may have this name. The rule is that of SQS.
pub const fn queue_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !(bytes[at].is_ascii_alphanumeric() || bytes[at] == b'_' || bytes[at] == b'-') {
            return false;
        }
        at += 1;
    }
    !bytes.is_empty() && bytes.len() <= 80
}

/// Whether a tenant may have this name.
pub fn tenant_name(name: &str) -> bool {
    (1..=MAX_TENANT_CHARS).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
}
