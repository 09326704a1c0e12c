#pragma once

#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <utility>

#include "trustee/loops/task.h"

namespace holdfast::server {

/// Awaits one turn after the other until one answers that it was the last. What a turn throws, for want of memory most
/// likely, ends that turn alone; what a second one in a row throws is thrown on.
template <class Turn>
trustee::Async<void> take_turns(Turn turn) {
  for (bool failed = false;;) {
    try {
      if (!co_await turn()) co_return;
      failed = false;
    } catch (const std::exception&) {
      if (std::exchange(failed, true)) throw;
    }
  }
}

/// For what must go on for as long as the server does, such as accepting: a server that lived on without it would take
/// connections and never answer, so what ends it by a fault ends the process, which is started again.
template <class Turn>
void start_lasting(boost::asio::io_context& loop, Turn turn) {
  boost::asio::co_spawn(loop, take_turns(std::move(turn)), [](std::exception_ptr fault) {
    if (fault) std::terminate();
  });
}

}  // namespace holdfast::server
