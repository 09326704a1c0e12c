#include "sealed/worker/engine.h"

#include <js/ArrayBuffer.h>
#include <js/CallAndConstruct.h>
#include <js/CompilationAndEvaluation.h>
#include <js/ContextOptions.h>
#include <js/Initialization.h>
#include <js/Interrupt.h>
#include <js/friend/ErrorMessages.h>
#include <jsapi.h>
#include <sys/mman.h>

#include <algorithm>
#include <string_view>

#include "sealed/formats/wasi.h"
#include "sealed/worker/helper_thread.h"
#include "sealed/worker/memory_import.h"
#include "sealed/worker/zeroing.h"

namespace holdfast::sealed::worker {
namespace {

constexpr std::uint32_t kHeapBytesMax = 64u << 20;  // the garbage-collected heap: only a few objects lie there
constexpr int kDeadMemoriesMax = 90;                // SpiderMonkey collects by itself from 100 mapped memories on
constexpr int kDeadInstancesMax = 2000;             // a few kilobytes each
constexpr int kDeadInstancesWorth = 500;

const JSClass kGlobalClass{"global", JSCLASS_GLOBAL_FLAGS, &JS::DefaultGlobalClassOps, nullptr, nullptr, nullptr};

struct Fault {
  unsigned number;
  ring::Trap trap;
};
constexpr Fault kFaults[] = {
    {JSMSG_WASM_UNREACHABLE, ring::Trap::unreachable},
    {JSMSG_WASM_OUT_OF_BOUNDS, ring::Trap::out_of_bounds},
    {JSMSG_WASM_TABLE_OUT_OF_BOUNDS, ring::Trap::out_of_bounds},
    {JSMSG_WASM_INTEGER_OVERFLOW, ring::Trap::integer_overflow},
    {JSMSG_WASM_INT_DIVIDE_BY_ZERO, ring::Trap::division_by_zero},
    {JSMSG_WASM_INVALID_CONVERSION, ring::Trap::invalid_conversion},
    {JSMSG_WASM_IND_CALL_TO_NULL, ring::Trap::indirect_call},
    {JSMSG_WASM_IND_CALL_BAD_SIG, ring::Trap::indirect_call},
};

/// The run that is going on, for the natives: there is one at a time.
struct Current {
  Run* run = nullptr;
  JS::PersistentRootedObject memory, buffer;
};
Current* current = nullptr;
Watch* current_watch = nullptr;

/// The instance's memory. Its buffer is another object after each memory.grow.
std::span<std::uint8_t> memory_of_run(JSContext* cx) {
  if (!current->memory) return {};
  if (!current->buffer || JS::IsDetachedArrayBufferObject(current->buffer)) {
    JS::RootedValue buffer(cx);
    if (!JS_GetProperty(cx, current->memory, "buffer", &buffer) || !buffer.isObject()) return {};
    current->buffer = &buffer.toObject();
  }
  std::size_t bytes = 0;
  bool shared = false;
  std::uint8_t* data = nullptr;
  JS::GetArrayBufferLengthAndData(current->buffer, &bytes, &shared, &data);
  return {data, bytes};
}

std::uint32_t argument(const JS::CallArgs& args, unsigned index) {
  return args.get(index).isInt32() ? static_cast<std::uint32_t>(args[index].toInt32()) : 0;
}

bool answer(const JS::CallArgs& args, Errno number) {
  args.rval().setInt32(static_cast<std::int32_t>(number));
  return true;
}

/// A native that answers false with no exception pending ends the run; no handler in the module sees it.
bool native_fd_read(JSContext* cx, unsigned argc, JS::Value* vp) {
  const JS::CallArgs args = JS::CallArgsFromVp(argc, vp);
  return answer(args, Wasi(*current->run, memory_of_run(cx))
                          .fd_read(argument(args, 0), argument(args, 1), argument(args, 2), argument(args, 3)));
}
bool native_fd_write(JSContext* cx, unsigned argc, JS::Value* vp) {
  const JS::CallArgs args = JS::CallArgsFromVp(argc, vp);
  bool fits = true;
  const Errno number = Wasi(*current->run, memory_of_run(cx))
                           .fd_write(argument(args, 0), argument(args, 1), argument(args, 2), argument(args, 3), fits);
  return fits && answer(args, number);
}
bool native_clock_time_get(JSContext* cx, unsigned argc, JS::Value* vp) {
  const JS::CallArgs args = JS::CallArgsFromVp(argc, vp);
  return answer(args, Wasi(*current->run, memory_of_run(cx)).clock_time_get(argument(args, 0), argument(args, 2)));
}
bool native_clock_res_get(JSContext* cx, unsigned argc, JS::Value* vp) {
  const JS::CallArgs args = JS::CallArgsFromVp(argc, vp);
  return answer(args, Wasi(*current->run, memory_of_run(cx)).clock_res_get(argument(args, 0), argument(args, 1)));
}
bool native_random_get(JSContext* cx, unsigned argc, JS::Value* vp) {
  const JS::CallArgs args = JS::CallArgsFromVp(argc, vp);
  return answer(args, Wasi(*current->run, memory_of_run(cx)).random_get(argument(args, 0), argument(args, 1)));
}
bool native_proc_exit(JSContext*, unsigned argc, JS::Value* vp) {
  const JS::CallArgs args = JS::CallArgsFromVp(argc, vp);
  current->run->exited = true;
  current->run->exit_code = static_cast<std::int32_t>(argument(args, 0));
  return false;
}

struct Import {
  std::string_view name;
  JSNative native;
  unsigned arguments;
};
constexpr Import kImports[] = {
    {"clock_res_get", native_clock_res_get, 2},
    {"clock_time_get", native_clock_time_get, 3},
    {"fd_read", native_fd_read, 4},
    {"fd_write", native_fd_write, 4},
    {"proc_exit", native_proc_exit, 1},
    {"random_get", native_random_get, 2},
};
/// What admission lets in is what links.
static_assert(std::equal(std::begin(kImports), std::end(kImports), kWasiCalls.begin(), kWasiCalls.end(),
                         [](const Import& ours, const WasiCall& admitted) { return ours.name == admitted.name; }));

bool on_interrupt(JSContext*) {
  if (!current_watch->overran()) return true;
  if (current->run != nullptr) current->run->overran = true;
  return false;
}

}  // namespace

struct Engine::Impl {
  JSContext* cx = nullptr;
  JS::PersistentRootedObject global, imports, instance_constructor, memory_constructor, memory_holder, module;
  MemoryLimits limits;
  Current run;
  int dead_instances = 0, dead_memories = 0;

  bool make_realm(std::string& problem);
  bool make_imports();
  std::string take_exception();
  Verdict judge(const Run& run);
  /// An empty memory for the next run, unless that of the last one is there.
  bool make_memory();
  bool instantiate(JS::MutableHandleObject exports);
  void bury();
};

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

/// The process ends with its engine; nothing is torn down that the kernel tears down faster.
Engine::~Engine() { ::_exit(0); }

std::unique_ptr<Engine> Engine::start(std::uint64_t stack_bytes_max, Watch& watch, std::string& problem) {
  if (!JS_Init()) return problem = "SpiderMonkey does not start", nullptr;
  start_helper_thread();
  auto impl = std::make_unique<Impl>();
  impl->cx = JS_NewContext(kHeapBytesMax);
  if (impl->cx == nullptr) return problem = "SpiderMonkey has no memory for a context", nullptr;
  JS_SetNativeStackQuota(impl->cx, stack_bytes_max);
  // Compiled once, to the best code: the baseline compiler would only be in the way.
  JS::ContextOptionsRef(impl->cx).setWasmBaseline(false).setWasmIon(true).setAsmJS(false);
  if (!JS::InitSelfHostedCode(impl->cx)) return problem = "SpiderMonkey has no memory for its own code", nullptr;
  if (!impl->make_realm(problem)) return nullptr;
  current = &impl->run;
  current_watch = &watch;
  JS_AddInterruptCallback(impl->cx, on_interrupt);
  return std::unique_ptr<Engine>(new Engine(std::move(impl)));
}

bool Engine::Impl::make_realm(std::string& problem) {
  JS::RealmOptions options;  // no shared memory
  for (JS::PersistentRootedObject* root : {&global, &imports, &instance_constructor, &memory_constructor,
                                           &memory_holder, &module, &run.memory, &run.buffer})
    root->init(cx);
  global = JS_NewGlobalObject(cx, &kGlobalClass, nullptr, JS::FireOnNewGlobalHook, options);
  if (!global) return problem = "SpiderMonkey makes no global object", false;
  JS::EnterRealm(cx, global);  // for good: there is one realm
  if (!JS::InitRealmStandardClasses(cx) || !make_imports()) {
    problem = "the realm is incomplete: " + take_exception();
    return false;
  }
  return true;
}

bool Engine::Impl::make_imports() {
  JS::RootedObject functions(cx, JS_NewPlainObject(cx)), object(cx, JS_NewPlainObject(cx)),
      holder(cx, JS_NewPlainObject(cx));
  if (!functions || !object || !holder) return false;
  for (const Import& import : kImports) {
    if (JS_DefineFunction(cx, functions, import.name.data(), import.native, import.arguments, 0) == nullptr)
      return false;
  }
  imports = object;
  memory_holder = holder;
  return JS_DefineProperty(cx, object, std::string(kWasiModule).c_str(), functions, 0) &&
         JS_DefineProperty(cx, object, kMemoryImportModule, holder, 0);
}

std::string Engine::Impl::take_exception() {
  JS::RootedValue exception(cx);
  if (!JS_GetPendingException(cx, &exception) || !exception.isObject()) return "no reason given";
  JS_ClearPendingException(cx);
  JS::RootedObject object(cx, &exception.toObject());
  const JSErrorReport* report = JS_ErrorFromException(cx, object);
  return report != nullptr && report->message() ? report->message().c_str() : "no reason given";
}

bool Engine::compile(std::span<const std::uint8_t> module, std::uint64_t memory_bytes_max, std::string& problem) {
  JSContext* cx = impl_->cx;
  std::vector<std::uint8_t> changed;
  if (!import_memory(module, memory_bytes_max, changed, impl_->limits, problem)) return false;
  JS::RootedObject bytes(cx, JS::NewExternalArrayBuffer(cx, changed.size(), changed.data(), [](void*, void*) {}));
  JS::RootedValue wasm(cx), value(cx);
  if (!bytes || !JS_GetProperty(cx, impl_->global, "WebAssembly", &wasm) || !wasm.isObject()) {
    problem = "this SpiderMonkey has no WebAssembly";
    return false;
  }
  JS::RootedObject space(cx, &wasm.toObject()), compiled(cx);
  JS::RootedValueArray<1> args(cx);
  args[0].setObject(*bytes);
  if (!JS_GetProperty(cx, space, "Module", &value) || !JS::Construct(cx, value, args, &compiled)) {
    problem = impl_->take_exception();
    return false;
  }
  impl_->module = compiled;
  JS::DetachArrayBuffer(cx, bytes);  // `changed` ends here
  if (!JS_GetProperty(cx, space, "Instance", &value) || !value.isObject()) return false;
  impl_->instance_constructor = &value.toObject();
  if (!JS_GetProperty(cx, space, "Memory", &value) || !value.isObject()) return false;
  impl_->memory_constructor = &value.toObject();
  return true;
}

bool Engine::Impl::make_memory() {
  if (run.memory) return true;
  if (limits.maximum == 0) return false;  // has none, which admission does not let in
  if (dead_memories >= kDeadMemoriesMax) {
    JS_GC(cx);
    dead_memories = dead_instances = 0;
  }
  JS::RootedObject descriptor(cx, JS_NewPlainObject(cx)), made(cx);
  JS::RootedValue constructor(cx, JS::ObjectValue(*memory_constructor));
  JS::RootedValueArray<1> args(cx);
  if (!descriptor || !JS_DefineProperty(cx, descriptor, "initial", limits.initial, 0) ||
      !JS_DefineProperty(cx, descriptor, "maximum", limits.maximum, 0)) {
    return false;
  }
  args[0].setObject(*descriptor);
  if (!JS::Construct(cx, constructor, args, &made)) return false;
  JS::RootedValue memory_value(cx, JS::ObjectValue(*made));
  if (!JS_SetProperty(cx, memory_holder, kMemoryImportName, memory_value)) return false;
  run.memory = made;
  const auto memory = memory_of_run(cx);
  if (!memory.empty()) ::madvise(memory.data(), memory.size(), MADV_NOHUGEPAGE);
  return true;
}

bool Engine::Impl::instantiate(JS::MutableHandleObject exports) {
  JS::RootedValue constructor(cx, JS::ObjectValue(*instance_constructor)), value(cx);
  JS::RootedValueArray<2> args(cx);
  args[0].setObject(*module);
  args[1].setObject(*imports);
  JS::RootedObject instance(cx);
  if (!JS::Construct(cx, constructor, args, &instance)) return false;
  if (!JS_GetProperty(cx, instance, "exports", &value) || !value.isObject()) return false;
  exports.set(&value.toObject());
  return true;
}

Verdict Engine::run(Run& run, std::uint32_t run_us_max) {
  Impl& it = *impl_;
  if (it.dead_instances >= kDeadInstancesMax) collect_if_worth();
  it.run.run = &run;
  current_watch->start(run_us_max);
  JS::RootedObject exports(it.cx);
  JS::RootedValue ignored(it.cx);
  const bool returned = it.make_memory() && it.instantiate(&exports) &&
                        JS_CallFunctionName(it.cx, exports, "_start", JS::HandleValueArray::empty(), &ignored);
  current_watch->stop();
  const Verdict verdict = returned ? Verdict{} : it.judge(run);
  it.bury();
  it.run.run = nullptr;
  return verdict;
}

Verdict Engine::Impl::judge(const Run& ended) {
  if (ended.exited) return {};
  if (ended.too_much_output) return {ring::Ending::output_exhausted};
  if (ended.overran) return {ring::Ending::time_exhausted};
  JS::RootedValue exception(cx);
  if (!JS_GetPendingException(cx, &exception)) return {ring::Ending::engine_refused};
  JS_ClearPendingException(cx);
  if (!exception.isObject()) return {ring::Ending::engine_refused};  // out of memory is a string
  JS::RootedObject object(cx, &exception.toObject());
  const JSErrorReport* report = JS_ErrorFromException(cx, object);
  if (report == nullptr) return {ring::Ending::trapped, ring::Trap::other};  // thrown by the module itself
  if (report->errorNumber == JSMSG_OVER_RECURSED) return {ring::Ending::stack_exhausted};
  for (const Fault& fault : kFaults) {
    if (report->errorNumber == fault.number) return {ring::Ending::trapped, fault.trap};
  }
  return {ring::Ending::engine_refused};
}

/// What the module computed with is gone for good at the end of its run, and not when the collector comes to it, so
/// that a later run that breaks out finds nothing. A memory that has grown cannot shrink, and its pages go back to the
/// kernel.
void Engine::Impl::bury() {
  const auto memory = memory_of_run(cx);
  JS_ClearPendingException(cx);
  ++dead_instances;
  if (memory.size() == limits.initial * kWasmPageBytes && set_to_zero(memory)) return;
  if (!memory.empty()) {
    ::mmap(memory.data(), memory.size(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  }
  run.memory = nullptr;
  run.buffer = nullptr;
  ++dead_memories;
}

void Engine::collect_if_worth() {
  Impl& it = *impl_;
  if (it.dead_instances < kDeadInstancesWorth && it.dead_memories < kDeadMemoriesMax / 2) return;
  JS_GC(it.cx);
  it.dead_instances = it.dead_memories = 0;
}

void Engine::interrupt() { JS_RequestInterruptCallback(impl_->cx); }

}  // namespace holdfast::sealed::worker
