"""The values of a request body that a decision depends on: keys of `metadata.REQUEST_NAMESPACE`.

They are plain constants because every decision reads most of them, and reading an enum member costs twice as much.
"""

from typing import Final

MODEL: Final = "model"
STREAM: Final = "stream"
BACKGROUND: Final = "background"
MAX_TOKENS: Final = "max_tokens"
MAX_COMPLETION_TOKENS: Final = "max_completion_tokens"
MAX_OUTPUT_TOKENS: Final = "max_output_tokens"
N: Final = "n"
BEST_OF: Final = "best_of"
CANDIDATE_COUNT: Final = "candidate_count"
SERVICE_TIER: Final = "service_tier"
SPEED: Final = "speed"
INFERENCE_GEO: Final = "inference_geo"
INCLUDE_USAGE: Final = "include_usage"
GENERATION_MAX_OUTPUT_TOKENS: Final = "generation_max_output_tokens"
PROMPTS: Final = "prompts"
"""The number of prompts of a completion."""
INPUTS: Final = "inputs"
"""The number of inputs of an embedding, or of items of a response."""
RANKED_DOCUMENTS: Final = "ranked_documents"
"""The number of documents that the body wants ranked."""
QUERY_BYTES: Final = "query_bytes"
"""The size of the query by which they are ranked."""
IMAGES: Final = "images"
"""The number of pictures that the body contains."""
IMAGE_BYTES: Final = "image_bytes"
"""The part of the body that is pictures. Audio and documents have the same two facts."""
AUDIOS: Final = "audios"
AUDIO_BYTES: Final = "audio_bytes"
DOCUMENTS: Final = "documents"
DOCUMENT_BYTES: Final = "document_bytes"
REMOTE_IMAGES: Final = "remote_images"
"""The number of pictures that the provider fetches from a URL."""
REMOTE_DOCUMENTS: Final = "remote_documents"
THINKING_BUDGET: Final = "thinking_budget"
"""The tokens that the model may think."""
REFERENCES: Final = "references"
"""What the provider has stored, as `<kind>:<id>`, one a line."""
TOOLS: Final = "tools"
"""The tools that the provider runs, one a line: a `type`, or the key that names the tool."""
MODELS: Final = "models"
"""Models that the body names besides `model`, one a line."""
PURPOSE: Final = "purpose"
"""Only of a form: what an uploaded file is for."""
AUDIO_OUTPUT: Final = "audio_output"
IMAGE_OUTPUT: Final = "image_output"
HAS_CACHE_CONTROL: Final = "has_cache_control"
HAS_TOOLS: Final = "has_tools"
"""True if the body has tools, the caller's own functions included."""
HAS_COMPACTION: Final = "has_compaction"
"""True if the provider may summarize the conversation before it answers."""
RESPONSE_FORMAT: Final = "response_format"
"""Only of a form."""
STREAM_FORMAT: Final = "stream_format"
TEXT_BYTES: Final = "text_bytes"
"""The bytes of a form that are neither sound nor pictures."""
INPUT_CHARACTERS: Final = "input_characters"
"""The characters of the text to be spoken."""
IS_EXCESSIVE: Final = "is_excessive"
"""True if the body names more references, tools or models than the module lists, or one that is too long."""
UNREADABLE: Final = "unreadable"
"""Present if the module could not read the body. For a form it says why: see `form_faults`."""
FEEDBACK_ID: Final = "feedback_id"
"""Only of a rating: the call that it is about. The other facts of a rating come with no other body either."""
FEEDBACK_RATING: Final = "feedback_rating"
FEEDBACK_REASON: Final = "feedback_reason"
FEEDBACK_OTHER: Final = "feedback_other"
"""True if a rating has other members. What they say stays in Envoy."""

ALL: Final = (
    MODEL,
    STREAM,
    BACKGROUND,
    MAX_TOKENS,
    MAX_COMPLETION_TOKENS,
    MAX_OUTPUT_TOKENS,
    N,
    BEST_OF,
    CANDIDATE_COUNT,
    SERVICE_TIER,
    SPEED,
    INFERENCE_GEO,
    INCLUDE_USAGE,
    GENERATION_MAX_OUTPUT_TOKENS,
    PROMPTS,
    INPUTS,
    RANKED_DOCUMENTS,
    QUERY_BYTES,
    IMAGES,
    IMAGE_BYTES,
    AUDIOS,
    AUDIO_BYTES,
    DOCUMENTS,
    DOCUMENT_BYTES,
    REMOTE_IMAGES,
    REMOTE_DOCUMENTS,
    THINKING_BUDGET,
    REFERENCES,
    TOOLS,
    MODELS,
    PURPOSE,
    AUDIO_OUTPUT,
    IMAGE_OUTPUT,
    HAS_CACHE_CONTROL,
    HAS_TOOLS,
    HAS_COMPACTION,
    RESPONSE_FORMAT,
    STREAM_FORMAT,
    TEXT_BYTES,
    INPUT_CHARACTERS,
    IS_EXCESSIVE,
    UNREADABLE,
    FEEDBACK_ID,
    FEEDBACK_RATING,
    FEEDBACK_REASON,
    FEEDBACK_OTHER,
)

# What the choice of a model needs to know of a conversation: keys of `metadata.CONVERSATION_NAMESPACE`.
APPLICATION: Final = "application"
"""A hash of the instructions and the names of the tools, without a key."""
SESSION: Final = "session"
"""A hash of that and of the first text of the user. Marks for a cache and later turns do not change it."""
TURNS: Final = "turns"
IN_TOOL_LOOP: Final = "in_tool_loop"
"""True if the last turn is the result of a tool."""
HAS_SIGNED_THINKING: Final = "has_signed_thinking"
"""True if a turn has thoughts that only the model that had them can read."""
REPEATED_RESULTS: Final = "repeated_results"
"""How often the last result of a tool has just repeated the one before, since the user last wrote."""

SCORES_VERSION: Final = "scores_version"
"""A hash of the weights of the scores. Absent if the user wrote nothing."""
SCORES: Final = ("score_1", "score_2", "score_3", "score_4")
"""Linear scores of what the user wrote, as many as the weights have."""

CONVERSATION: Final = (
    APPLICATION,
    SESSION,
    TURNS,
    IN_TOOL_LOOP,
    HAS_SIGNED_THINKING,
    REPEATED_RESULTS,
    SCORES_VERSION,
    *SCORES,
)
