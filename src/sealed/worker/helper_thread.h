#pragma once

namespace holdfast::sealed::worker {

/// SpiderMonkey wants at least one thread beside its own, to compile on. This gives it exactly one, which has
/// begun when it returns, so before the jail closes. Call once, after JS_Init and before the first context.
void start_helper_thread();

}  // namespace holdfast::sealed::worker
