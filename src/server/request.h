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

/// Is `begin`, all there is of a body in chunks, too little to be shown to the parser? A body whose first chunk is its
/// last ("0", twice CRLF), with just four bytes of it there, breaks an assertion of Beast 1.81, and ends the process.
/// A later chunk is no danger: the parser reads its size together with the CRLF before it. No body has less than five
/// bytes, so that nothing waits in vain, and these can hold no byte of a chunk.
bool is_cut_last_chunk(std::string_view begin);

/// Of what the parser says: "request.header.large" (431), "request.version" (505; `header` is what came of it, from its
/// request line on) or "request.malformed".
Error parse_error(const boost::system::error_code& error, std::string_view header = {});

}  // namespace holdfast::server
