"""V8's exported C++ interface: symbols, argument types and structures. No logic.

The shared object of STPyV8 exports V8's whole API. What is declared here was checked against that object's debug
information (``tests/unit/pools/test_abi_layout.py`` does it again on every run); with another version of the package a
wrong size corrupts memory, so :func:`load` refuses to run with any but :data:`STPYV8_VERSION`.

Conventions
-----------
* A ``Local`` is the address of a slot that holds a tagged value; null means "empty": an exception or a termination is
  pending. **Check every one**: V8 does not, and a null handed to it ends the process.
* Functions that end within a microsecond keep the GIL (``PyDLL``); those that may run JavaScript, allocate a lot or
  collect garbage release it (``CDLL``).
* Callbacks run on the lane's thread and get the GIL by themselves. Handles made inside of one die with it.
"""

from __future__ import annotations

import ctypes as c
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from pools.errors import EngineError

STPYV8_VERSION: Final = "13.1.201.22"

Ptr = c.c_void_p
Size = c.c_size_t


# --- structures -------------------------------------------------------------------------------------------------------


class StartupData(c.Structure):
    """``v8::StartupData``."""

    _fields_ = [("data", Ptr), ("raw_size", c.c_int)]


class ResourceConstraints(c.Structure):
    """``v8::ResourceConstraints``; sizes in bytes."""

    _fields_ = [
        ("code_range_size_", Size),
        ("max_old_generation_size_", Size),
        ("max_young_generation_size_", Size),
        ("initial_old_generation_size_", Size),
        ("initial_young_generation_size_", Size),
        ("stack_limit_", Ptr),
    ]


class CreateParams(c.Structure):
    """``v8::Isolate::CreateParams``; made by V8's own constructor, then changed field by field."""

    _fields_ = [
        ("code_event_handler", Ptr),
        ("constraints", ResourceConstraints),
        ("snapshot_blob", Ptr),
        ("counter_lookup_callback", Ptr),
        ("create_histogram_callback", Ptr),
        ("add_histogram_sample_callback", Ptr),
        ("array_buffer_allocator", Ptr),
        ("array_buffer_allocator_shared", Ptr * 2),
        ("external_references", Ptr),
        ("allow_atomics_wait", c.c_bool),
        ("embedder_wrapper_type_index", c.c_int),
        ("embedder_wrapper_object_index", c.c_int),
        ("fatal_error_callback", Ptr),
        ("oom_error_callback", Ptr),
        ("cpp_heap", Ptr),
    ]


class Source(c.Structure):
    """``v8::ScriptCompiler::Source``."""

    _fields_ = [
        ("source_string", Ptr),
        ("resource_name", Ptr),
        ("resource_line_offset", c.c_int),
        ("resource_column_offset", c.c_int),
        ("resource_options", c.c_int),
        ("source_map_url", Ptr),
        ("host_defined_options", Ptr),
        ("cached_data", Ptr),
        ("consume_cache_task", Ptr),
        ("compile_hint_callback", Ptr),
        ("compile_hint_callback_data", Ptr),
        ("compilation_details", c.c_byte * 24),
    ]


class CachedData(c.Structure):
    """``v8::ScriptCompiler::CachedData``."""

    _fields_ = [
        ("data", Ptr),
        ("length", c.c_int),
        ("rejected", c.c_bool),
        ("buffer_policy", c.c_int),
    ]


class HeapStatistics(c.Structure):
    """``v8::HeapStatistics``; sizes in bytes."""

    _fields_ = [
        ("total_heap_size_", Size),
        ("total_heap_size_executable_", Size),
        ("total_physical_size_", Size),
        ("total_available_size_", Size),
        ("used_heap_size_", Size),
        ("heap_size_limit_", Size),
        ("malloced_memory_", Size),
        ("external_memory_", Size),
        ("peak_malloced_memory_", Size),
        ("does_zap_garbage_", c.c_bool),
        ("number_of_native_contexts_", Size),
        ("number_of_detached_contexts_", Size),
        ("total_global_handles_size_", Size),
        ("used_global_handles_size_", Size),
    ]


class TryCatch(c.Structure):
    """``v8::TryCatch``; construct it no deeper in the C stack than the call that it guards."""

    _fields_ = [
        ("i_isolate_", Ptr),
        ("next_", Ptr),
        ("exception_", Ptr),
        ("message_obj_", Ptr),
        ("js_stack_comparable_address_", Ptr),
        ("is_verbose_", c.c_uint8),
    ]


class HandleScope(c.Structure):
    """``v8::HandleScope``."""

    _fields_ = [("i_isolate_", Ptr), ("prev_next_", Ptr), ("prev_limit_", Ptr)]


class Locker(c.Structure):
    """``v8::Locker``."""

    _fields_ = [("has_lock_", c.c_bool), ("top_level_", c.c_bool), ("isolate_", Ptr)]


class FunctionCallbackInfo(c.Structure):
    """``v8::FunctionCallbackInfo``."""

    _fields_ = [("implicit_args_", Ptr), ("values_", Ptr), ("length_", Size)]


class PromiseRejectMessage(c.Structure):
    """``v8::PromiseRejectMessage``."""

    _fields_ = [("promise_", Ptr), ("event_", c.c_int), ("value_", Ptr)]


class Genesis(c.Structure):
    """Begin of ``v8::internal::Genesis``, as far as the installers of library features read it."""

    _fields_ = [("isolate_", Ptr), ("result_", Ptr), ("native_context_", Ptr)]


class SerializeCallback(c.Structure):
    """Any of V8's pairs of a (de)serialisation function and its data; ours are all empty."""

    _fields_ = [("callback", Ptr), ("data", Ptr)]


DISPATCH_SLOT: Final = 1
"""Where a context's embedder data keeps the core's ``dispatch``; V8 keeps 0 for its debugger."""
QUICK_BYTES: Final = 1 << 13
"""Up to here working on text takes less time than giving up the GIL and getting it back."""
NO_CALLBACK: Final = SerializeCallback(None, None)

# Indexes into FunctionCallbackInfo.implicit_args_ (v8-function-callback.h of 13.1).
CALLBACK_ISOLATE: Final = 1
CALLBACK_RETURN_VALUE: Final = 3

# Indexes into PropertyCallbackInfo.args_ (v8-function-callback.h of 13.1).
PROPERTY_ISOLATE: Final = 3
PROPERTY_RETURN_VALUE: Final = 5
PROPERTY_DATA: Final = 6
# v8::PropertyAttribute
NOT_ENUMERABLE: Final = 2

# v8::String::WriteOptions
NO_NULL_TERMINATION: Final = 2
REPLACE_INVALID_UTF8: Final = 8
# v8::ScriptOriginOptions: is_module
ORIGIN_MODULE: Final = 8
# v8::ScriptCompiler::CompileOptions
NO_COMPILE_OPTIONS: Final = 0
CONSUME_CODE_CACHE: Final = 1
# v8::SnapshotCreator::FunctionCodeHandling
KEEP_FUNCTION_CODE: Final = 1
# v8::Promise::PromiseState
PROMISE_PENDING: Final = 0
PROMISE_REJECTED: Final = 2
# v8::PromiseRejectEvent
REJECT_WITH_NO_HANDLER: Final = 0
HANDLER_ADDED_AFTER_REJECT: Final = 1
# v8::V8::BuildConfigurationFeatures: no pointer compression, no sandbox. V8 refuses to start with another value.
BUILD_CONFIGURATION: Final = 0
# v8::MemoryPressureLevel
PRESSURE_CRITICAL: Final = 2

# --- callback types -----------------------------------------------------------------------------------------------------

NativeCallback = c.CFUNCTYPE(None, Ptr)
PropertyCallback = c.CFUNCTYPE(None, Ptr, Ptr)
NearHeapLimitCallback = c.CFUNCTYPE(Size, Ptr, Size, Size)
InterruptCallback = c.CFUNCTYPE(None, Ptr, Ptr)
PromiseRejectCallback = c.CFUNCTYPE(None, PromiseRejectMessage)
MessageCallback = c.CFUNCTYPE(None, Ptr, Ptr)
ResolveModuleCallback = c.CFUNCTYPE(Ptr, Ptr, Ptr, Ptr, Ptr)
ImportDynamicallyCallback = c.CFUNCTYPE(Ptr, Ptr, Ptr, Ptr, Ptr, Ptr)
ImportMetaCallback = c.CFUNCTYPE(None, Ptr, Ptr, Ptr)


class Abi:
    """V8's functions, bound. One per process, made by :func:`load`."""

    def __init__(self, path: str) -> None:
        self.path = path
        quick, slow = c.PyDLL(path), c.CDLL(path)

        def bind(library: c.CDLL, symbol: str, result: Any, *arguments: Any) -> Any:
            function = library[symbol]
            function.restype = result
            function.argtypes = arguments
            return function

        def bind_both(symbol: str, result: Any, *arguments: Any) -> tuple[Any, Any]:
            """For what is quick or slow depending on what it is given: (slow, quick)."""
            return bind(slow, symbol, result, *arguments), bind(quick, symbol, result, *arguments)

        cb = SerializeCallback

        # -- process
        self.initialize_icu = bind(slow, "_ZN2v82V813InitializeICUEPKc", c.c_bool, c.c_char_p)
        self.set_flags = bind(
            slow, "_ZN2v82V823SetFlagsFromCommandLineEPiPPcb", None, Ptr, Ptr, c.c_bool
        )
        self.get_version = bind(quick, "_ZN2v82V810GetVersionEv", c.c_char_p)
        # A std::unique_ptr comes back through, and goes in as, the address of a slot that holds it.
        self.new_default_platform = bind(
            slow,
            "_ZN2v88platform18NewDefaultPlatformEiNS0_15IdleTaskSupportENS0_21InProcessStackDumpingESt10unique_ptr"
            "INS_17TracingControllerESt14default_deleteIS4_EENS0_12PriorityModeE",
            None, Ptr, c.c_int, c.c_int, c.c_int, Ptr, c.c_int,
        )  # fmt: skip
        self.initialize_platform = bind(
            slow, "_ZN2v82V818InitializePlatformEPNS_8PlatformE", None, Ptr
        )
        self.initialize = bind(slow, "_ZN2v82V810InitializeEi", c.c_bool, c.c_int)

        # -- isolate
        self.create_params_init = bind(quick, "_ZN2v87Isolate12CreateParamsC1Ev", None, Ptr)
        self.new_array_buffer_allocator = bind(
            quick, "_ZN2v811ArrayBuffer9Allocator19NewDefaultAllocatorEv", Ptr
        )
        self.isolate_new = bind(slow, "_ZN2v87Isolate3NewERKNS0_12CreateParamsE", Ptr, Ptr)
        self.isolate_dispose = bind(slow, "_ZN2v87Isolate7DisposeEv", None, Ptr)
        self.isolate_enter = bind(quick, "_ZN2v87Isolate5EnterEv", None, Ptr)
        self.isolate_exit = bind(quick, "_ZN2v87Isolate4ExitEv", None, Ptr)
        self.isolate_current = bind(quick, "_ZN2v87Isolate13TryGetCurrentEv", Ptr)
        self.terminate_execution = bind(quick, "_ZN2v87Isolate18TerminateExecutionEv", None, Ptr)
        self.request_interrupt = bind(
            quick,
            "_ZN2v87Isolate16RequestInterruptEPFvPS0_PvES2_",
            None,
            Ptr,
            InterruptCallback,
            Ptr,
        )
        self.memory_pressure = bind(
            slow,
            "_ZN2v87Isolate26MemoryPressureNotificationENS_19MemoryPressureLevelE",
            None,
            Ptr,
            c.c_int,
        )
        self.low_memory = bind(slow, "_ZN2v87Isolate21LowMemoryNotificationEv", None, Ptr)
        self.heap_statistics = bind(
            quick, "_ZN2v87Isolate17GetHeapStatisticsEPNS_14HeapStatisticsE", None, Ptr, Ptr
        )
        self.add_near_heap_limit_callback = bind(
            quick,
            "_ZN2v87Isolate24AddNearHeapLimitCallbackEPFmPvmmES1_",
            None,
            Ptr,
            NearHeapLimitCallback,
            Ptr,
        )
        self.set_promise_reject_callback = bind(
            quick,
            "_ZN2v87Isolate24SetPromiseRejectCallbackEPFvNS_20PromiseRejectMessageEE",
            None,
            Ptr,
            PromiseRejectCallback,
        )
        self.add_message_listener = bind(
            quick,
            "_ZN2v87Isolate18AddMessageListenerEPFvNS_5LocalINS_7MessageEEENS1_INS_5ValueEEEES5_",
            c.c_bool,
            Ptr,
            MessageCallback,
            Ptr,
        )
        self.set_import_dynamically_callback = bind(
            quick,
            "_ZN2v87Isolate38SetHostImportModuleDynamicallyCallbackEPFNS_10MaybeLocalINS_7PromiseEEENS_5LocalINS_"
            "7ContextEEENS4_INS_4DataEEENS4_INS_5ValueEEENS4_INS_6StringEEENS4_INS_10FixedArrayEEEE",
            None,
            Ptr,
            ImportDynamicallyCallback,
        )
        self.set_import_meta_callback = bind(
            quick,
            "_ZN2v87Isolate41SetHostInitializeImportMetaObjectCallbackEPFvNS_5LocalINS_7ContextEEENS1_INS_6Module"
            "EEENS1_INS_6ObjectEEEE",
            None,
            Ptr,
            ImportMetaCallback,
        )
        self.locker_init = bind(quick, "_ZN2v86Locker10InitializeEPNS_7IsolateE", None, Ptr, Ptr)
        self.locker_exit = bind(quick, "_ZN2v86LockerD1Ev", None, Ptr)
        self.handle_scope_init = bind(quick, "_ZN2v811HandleScopeC1EPNS_7IsolateE", None, Ptr, Ptr)
        self.handle_scope_exit = bind(quick, "_ZN2v811HandleScopeD1Ev", None, Ptr)
        self.globalize = bind(
            quick,
            "_ZN2v812api_internal18GlobalizeReferenceEPNS_8internal7IsolateEm",
            Ptr,
            Ptr,
            c.c_uint64,
        )
        self.dispose_global = bind(quick, "_ZN2v812api_internal13DisposeGlobalEPm", None, Ptr)

        # -- exceptions
        self.try_catch_init = bind(quick, "_ZN2v88TryCatchC1EPNS_7IsolateE", None, Ptr, Ptr)
        self.try_catch_exit = bind(quick, "_ZN2v88TryCatchD1Ev", None, Ptr)
        self.try_catch_has_caught = bind(quick, "_ZNK2v88TryCatch9HasCaughtEv", c.c_bool, Ptr)
        self.try_catch_has_terminated = bind(
            quick, "_ZNK2v88TryCatch13HasTerminatedEv", c.c_bool, Ptr
        )
        self.try_catch_exception = bind(quick, "_ZNK2v88TryCatch9ExceptionEv", Ptr, Ptr)
        self.try_catch_message = bind(quick, "_ZNK2v88TryCatch7MessageEv", Ptr, Ptr)
        self.try_catch_reset = bind(quick, "_ZN2v88TryCatch5ResetEv", None, Ptr)
        self.message_text = bind(quick, "_ZNK2v87Message3GetEv", Ptr, Ptr)
        self.message_line = bind(
            quick, "_ZNK2v87Message13GetLineNumberENS_5LocalINS_7ContextEEE", c.c_uint64, Ptr, Ptr
        )
        self.message_column = bind(quick, "_ZNK2v87Message14GetStartColumnEv", c.c_int, Ptr)
        self.message_resource = bind(quick, "_ZNK2v87Message21GetScriptResourceNameEv", Ptr, Ptr)
        self.throw_exception = bind(
            quick, "_ZN2v87Isolate14ThrowExceptionENS_5LocalINS_5ValueEEE", Ptr, Ptr, Ptr
        )
        self.type_error = bind(
            quick,
            "_ZN2v89Exception9TypeErrorENS_5LocalINS_6StringEEENS1_INS_5ValueEEE",
            Ptr,
            Ptr,
            Ptr,
        )

        # -- context
        self.context_new = bind(
            slow,
            "_ZN2v87Context3NewEPNS_7IsolateEPNS_22ExtensionConfigurationENS_10MaybeLocalINS_14ObjectTemplateEEENS5_"
            "INS_5ValueEEENS_33DeserializeInternalFieldsCallbackEPNS_14MicrotaskQueueENS_30DeserializeContextData"
            "CallbackENS_29DeserializeAPIWrapperCallbackE",
            Ptr,
            Ptr,
            Ptr,
            Ptr,
            Ptr,
            cb,
            Ptr,
            cb,
            cb,
        )
        self.context_enter = bind(quick, "_ZN2v87Context5EnterEv", None, Ptr)
        self.context_exit = bind(quick, "_ZN2v87Context4ExitEv", None, Ptr)
        self.context_set_embedder_data = bind(
            quick,
            "_ZN2v87Context15SetEmbedderDataEiNS_5LocalINS_5ValueEEE",
            None,
            Ptr,
            c.c_int,
            Ptr,
        )
        self.context_embedder_fields = bind(
            quick, "_ZN2v87Context29GetNumberOfEmbedderDataFieldsEv", c.c_uint32, Ptr
        )
        self.context_extras = bind(quick, "_ZN2v87Context22GetExtrasBindingObjectEv", Ptr, Ptr)
        self.context_global = bind(quick, "_ZN2v87Context6GlobalEv", Ptr, Ptr)
        self.context_current = bind(quick, "_ZN2v87Isolate17GetCurrentContextEv", Ptr, Ptr)
        self.context_embedder_data = bind(
            quick, "_ZN2v87Context19SlowGetEmbedderDataEi", Ptr, Ptr, c.c_int
        )

        # -- values
        self.string_from_utf8, self.string_from_utf8_quick = bind_both(
            "_ZN2v86String11NewFromUtf8EPNS_7IsolateEPKcNS_13NewStringTypeEi",
            Ptr,
            Ptr,
            c.c_char_p,
            c.c_int,
            c.c_int,
        )
        self.string_from_utf8_at = bind(
            slow,
            "_ZN2v86String11NewFromUtf8EPNS_7IsolateEPKcNS_13NewStringTypeEi",
            Ptr,
            Ptr,
            Ptr,
            c.c_int,
            c.c_int,
        )
        self.string_utf8_length = bind(
            slow, "_ZNK2v86String10Utf8LengthEPNS_7IsolateE", c.c_int, Ptr, Ptr
        )
        self.string_length = bind(quick, "_ZNK2v86String6LengthEv", c.c_int, Ptr)
        self.string_write_utf8, self.string_write_utf8_quick = bind_both(
            "_ZNK2v86String9WriteUtf8EPNS_7IsolateEPciPii",
            c.c_int,
            Ptr,
            Ptr,
            Ptr,
            c.c_int,
            Ptr,
            c.c_int,
        )
        self.integer_new = bind(quick, "_ZN2v87Integer3NewEPNS_7IsolateEi", Ptr, Ptr, c.c_int)
        self.integer_value = bind(quick, "_ZNK2v87Integer5ValueEv", c.c_int64, Ptr)
        self.number_new = bind(quick, "_ZN2v86Number3NewEPNS_7IsolateEd", Ptr, Ptr, c.c_double)
        self.value_is_proxy = bind(quick, "_ZNK2v85Value7IsProxyEv", c.c_bool, Ptr)
        self.value_is_function = bind(quick, "_ZNK2v85Value10IsFunctionEv", c.c_bool, Ptr)
        self.value_is_string = bind(quick, "_ZNK2v85Value12FullIsStringEv", c.c_bool, Ptr)
        self.array_length = bind(quick, "_ZNK2v85Array6LengthEv", c.c_uint32, Ptr)
        self.value_is_array_buffer_view = bind(
            quick, "_ZNK2v85Value17IsArrayBufferViewEv", c.c_bool, Ptr
        )
        self.array_buffer_new = bind(
            slow,
            "_ZN2v811ArrayBuffer3NewEPNS_7IsolateEmNS_30BackingStoreInitializationModeE",
            Ptr,
            Ptr,
            Size,
            c.c_int,
        )
        self.array_buffer_data = bind(quick, "_ZNK2v811ArrayBuffer4DataEv", Ptr, Ptr)
        self.view_buffer = bind(quick, "_ZN2v815ArrayBufferView6BufferEv", Ptr, Ptr)
        self.view_byte_offset = bind(quick, "_ZN2v815ArrayBufferView10ByteOffsetEv", Size, Ptr)
        self.view_byte_length = bind(quick, "_ZN2v815ArrayBufferView10ByteLengthEv", Size, Ptr)
        self.object_get_index = bind(
            slow, "_ZN2v86Object3GetENS_5LocalINS_7ContextEEEj", Ptr, Ptr, Ptr, c.c_uint32
        )
        self.create_data_property = bind(
            quick,
            "_ZN2v86Object18CreateDataPropertyENS_5LocalINS_7ContextEEENS1_INS_4NameEEENS1_INS_5ValueEEE",
            c.c_uint16,
            Ptr,
            Ptr,
            Ptr,
            Ptr,
        )
        self.object_new = bind(quick, "_ZN2v86Object3NewEPNS_7IsolateE", Ptr, Ptr)
        # The quick one is for the core's own code: tenant code that runs while the GIL is held can be stopped by nobody.
        self.function_call, self.function_call_quick = bind_both(
            "_ZN2v88Function4CallENS_5LocalINS_7ContextEEENS1_INS_5ValueEEEiPS5_",
            Ptr,
            Ptr,
            Ptr,
            Ptr,
            c.c_int,
            Ptr,
        )
        self.set_lazy_data_property = bind(
            quick,
            "_ZN2v86Object19SetLazyDataPropertyENS_5LocalINS_7ContextEEENS1_INS_4NameEEEPFvS5_RKNS_20PropertyCallbackInfo"
            "INS_5ValueEEEENS1_IS7_EENS_17PropertyAttributeENS_14SideEffectTypeESF_",
            c.c_uint16,
            Ptr,
            Ptr,
            Ptr,
            PropertyCallback,
            Ptr,
            c.c_int,
            c.c_int,
            c.c_int,
        )
        self.function_template_new = bind(
            quick,
            "_ZN2v816FunctionTemplate3NewEPNS_7IsolateEPFvRKNS_20FunctionCallbackInfoINS_5ValueEEEENS_5LocalIS4_"
            "EENSA_INS_9SignatureEEEiNS_19ConstructorBehaviorENS_14SideEffectTypeEPKNS_9CFunctionEttt",
            Ptr,
            Ptr,
            NativeCallback,
            Ptr,
            Ptr,
            c.c_int,
            c.c_int,
            c.c_int,
            Ptr,
            c.c_uint16,
            c.c_uint16,
            c.c_uint16,
        )
        self.function_template_get_function = bind(
            quick, "_ZN2v816FunctionTemplate11GetFunctionENS_5LocalINS_7ContextEEE", Ptr, Ptr, Ptr
        )

        # -- scripts and modules
        self.script_compile_source = bind(
            slow,
            "_ZN2v814ScriptCompiler7CompileENS_5LocalINS_7ContextEEEPNS0_6SourceENS0_14CompileOptionsENS0_13NoCache"
            "ReasonE",
            Ptr,
            Ptr,
            Ptr,
            c.c_int,
            c.c_int,
        )
        self.script_run = bind(slow, "_ZN2v86Script3RunENS_5LocalINS_7ContextEEE", Ptr, Ptr, Ptr)
        self.compile_module, self.compile_module_quick = bind_both(
            "_ZN2v814ScriptCompiler13CompileModuleEPNS_7IsolateEPNS0_6SourceENS0_14CompileOptionsENS0_13NoCache"
            "ReasonE",
            Ptr,
            Ptr,
            Ptr,
            c.c_int,
            c.c_int,
        )
        self.module_instantiate = bind(
            quick,
            "_ZN2v86Module17InstantiateModuleENS_5LocalINS_7ContextEEEPFNS_10MaybeLocalIS0_EES3_NS1_INS_6StringEEENS1_"
            "INS_10FixedArrayEEENS1_IS0_EEEPFNS4_INS_6ObjectEEES3_S7_S9_SA_E",
            c.c_uint16,
            Ptr,
            Ptr,
            ResolveModuleCallback,
            Ptr,
        )
        self.module_evaluate = bind(
            slow, "_ZN2v86Module8EvaluateENS_5LocalINS_7ContextEEE", Ptr, Ptr, Ptr
        )
        self.module_namespace = bind(quick, "_ZN2v86Module18GetModuleNamespaceEv", Ptr, Ptr)
        self.module_script_id = bind(quick, "_ZNK2v86Module8ScriptIdEv", c.c_int, Ptr)
        self.module_unbound = bind(quick, "_ZN2v86Module22GetUnboundModuleScriptEv", Ptr, Ptr)
        self.create_code_cache = bind(
            slow,
            "_ZN2v814ScriptCompiler15CreateCodeCacheENS_5LocalINS_19UnboundModuleScriptEEE",
            Ptr,
            Ptr,
        )
        self.cached_data_init = bind(
            quick,
            "_ZN2v814ScriptCompiler10CachedDataC1EPKhiNS1_12BufferPolicyE",
            None,
            Ptr,
            Ptr,
            c.c_int,
            c.c_int,
        )
        self.cached_data_exit = bind(quick, "_ZN2v814ScriptCompiler10CachedDataD1Ev", None, Ptr)

        # -- promises
        self.promise_state = bind(quick, "_ZN2v87Promise5StateEv", c.c_int, Ptr)
        self.promise_result = bind(quick, "_ZN2v87Promise6ResultEv", Ptr, Ptr)
        self.promise_mark_handled = bind(quick, "_ZN2v87Promise13MarkAsHandledEv", None, Ptr)

        # -- snapshot
        self.snapshot_creator_init = bind(
            slow, "_ZN2v815SnapshotCreatorC1ERKNS_7Isolate12CreateParamsE", None, Ptr, Ptr
        )
        self.install_wasm = bind(
            slow, "_ZN2v88internal6WasmJs7InstallEPNS0_7IsolateEb", None, Ptr, c.c_bool
        )
        self.install_library_features = bind(
            slow, "_ZN2v88internal7Genesis28InitializeExperimentalGlobalEv", None, Ptr
        )
        self.snapshot_creator_isolate = bind(
            quick, "_ZN2v815SnapshotCreator10GetIsolateEv", Ptr, Ptr
        )
        self.snapshot_creator_set_default = bind(
            slow,
            "_ZN2v815SnapshotCreator17SetDefaultContextENS_5LocalINS_7ContextEEENS_31SerializeInternalFieldsCallback"
            "ENS_28SerializeContextDataCallbackENS_27SerializeAPIWrapperCallbackE",
            None,
            Ptr,
            Ptr,
            cb,
            cb,
            cb,
        )
        self.snapshot_creator_blob = bind(
            slow,
            "_ZN2v815SnapshotCreator10CreateBlobENS0_20FunctionCodeHandlingE",
            StartupData,
            Ptr,
            c.c_int,
        )


def installed_version() -> str:
    """Return the version of the STPyV8 package that is installed, without importing it."""
    try:
        return version("stpyv8")
    except PackageNotFoundError:
        raise EngineError(
            f"The package stpyv8 is not installed. Isolane needs stpyv8=={STPYV8_VERSION}: install it with pip."
        ) from None


def load() -> Abi:
    """Bind V8's functions.

    ``_STPyV8`` is imported, never ``STPyV8``: the latter starts V8 with default flags, and writes ICU data outside of
    the project.

    Raises
    ------
    EngineError
        STPyV8 is missing or has another version than the one whose structures are declared here.

    """
    found = installed_version()
    if found != STPYV8_VERSION:
        raise EngineError(
            f"STPyV8 {found} is installed, but Isolane is bound to STPyV8 {STPYV8_VERSION}: a different V8 has other "
            f"structures in memory. Install stpyv8=={STPYV8_VERSION}."
        )
    import _STPyV8

    return Abi(_STPyV8.__file__)
