"""Vocabulary only: a model's words and template, of its file or of its head, without weights.

llama.cpp skips the tensors then, so a file that lists none serves as well: models/heads.py makes
such files of a few megabytes.
"""

import llama_cpp.llama_cpp as llama

from app.core.models.plan import LoadPlan
from app.engine.backend import LoadFailed, LoadProgress, VocabularyOnly
from app.engine.llama import library
from app.engine.llama.model import Model
from app.engine.llama.vocabulary import LlamaVocabulary
from app.wire.model import ModelFacts, ModelSource


def load(source: ModelSource, plan: LoadPlan, progress: LoadProgress) -> VocabularyOnly:
    """The vocabulary of `source`. Raises: LoadFailed."""
    progress("library", 0.0)
    try:
        library.start()
    except RuntimeError as error:
        raise LoadFailed(str(error), remedy="Install the program again.") from error
    model = Model(source, plan, progress, is_vocabulary_only=True)
    if llama.llama_vocab_type(model.vocabulary) == llama.LLAMA_VOCAB_TYPE_NONE:
        model.close()
        raise LoadFailed(f"{source.name}: the file holds no vocabulary")
    vocabulary = LlamaVocabulary(model.vocabulary)
    facts = ModelFacts(
        architecture=model.architecture,
        description=model.metadata("general.name"),
        parameters=0,
        size_bytes=0,
        vocabulary=vocabulary.size,
        vocabulary_type=int(llama.llama_vocab_type(model.vocabulary)),
        embedding_length=0,
        context_trained=0,
        layers=0,
        plan=plan,
        can_trim=False,
        capabilities=(),
        chat_template=model.chat_template,
    )
    return VocabularyOnly(facts, vocabulary)
