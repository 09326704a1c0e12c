#pragma once

#include <boost/beast/http/message.hpp>
#include <string_view>

#include "base/result.h"

namespace holdfast::server {

/// What the parser would mend in the bytes of a header: fields folded over lines (RFC 9112 §5.2), which others read
/// otherwise. `taken`: what the parser took of it in one go; it goes on at no fold. invalid "request.malformed".
Result<void> check_lines(std::string_view taken);

/// What a header must be, beyond what the parser asks, so that nobody before us reads another request out of the
/// same bytes: one Host, one length or chunks, no field twice of which we read one.
/// invalid "request.version" (505), "request.malformed", "request.expect" (417).
Result<void> check_header(const boost::beast::http::request_header<>& header);

/// Is `unread` of a body in chunks too little to be shown to the parser? A body whose first chunk is its last ("0",
/// twice CRLF), with just four bytes of it there, breaks an assertion of Beast 1.81, and ends the process. Five bytes
/// are still to come whenever such a body is not at its end, so that nothing waits in vain.
bool is_cut_last_chunk(bool chunked, std::string_view unread);

/// Of what the parser says: "request.header.large" (431) or "request.malformed".
Error parse_error(const boost::system::error_code& error);

}  // namespace holdfast::server
