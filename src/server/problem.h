#pragma once

#include <string>

#include "base/result.h"

namespace holdfast::server {

/// The HTTP status of an error. `conditional`: the request had If-Match or If-None-Match, so a conflict is 412.
unsigned status_of(const Error& error, bool conditional);
/// Is it a sealed module's fault, and none of the server's: a run that was contained? An operator's module that crashes
/// must not wake the trustee up.
bool is_contained_run(const Error& error);
/// Seconds for Retry-After; 0: the status has none.
int retry_after_s(const Error& error, unsigned status);
/// The body of the answer: RFC 9457 application/problem+json.
std::string problem_json(const Error& error, unsigned status);
/// RFC 9110's words for a status; "Error" for one that we never answer.
std::string_view reason_of(unsigned status);
/// As a JSON string with its quotes. `text` must be UTF-8; other bytes become U+FFFD.
std::string json_string(std::string_view text);

}  // namespace holdfast::server
