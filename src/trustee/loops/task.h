#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/result.h"

namespace holdfast::trustee {

/// Operations run on an event loop of the server. Its own executor type, since one that may hold any costs an
/// allocation and indirect calls at every await.
using Executor = boost::asio::io_context::executor_type;
template <class T>
using Async = boost::asio::awaitable<T, Executor>;
template <class T>
using Task = Async<Result<T>>;

inline constexpr boost::asio::use_awaitable_t<Executor> kAwait{};
/// Answers `[error_code, …]` instead of throwing.
inline constexpr auto kNoThrow = boost::asio::as_tuple(kAwait);

}  // namespace holdfast::trustee
