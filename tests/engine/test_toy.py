"""The toy says what it is told, so that tests can script a model."""

from app.engine.toy import IM_END, ToyVocabulary, next_token

CHAT = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"


def said(prompt: str) -> str:
    vocabulary = ToyVocabulary()
    cells = vocabulary.tokenize(prompt, add_special=False, parse_special=True)
    answer: list[int] = []
    while (token := next_token([*cells, *answer])) != IM_END and len(answer) < 20:
        answer.append(token)
    return vocabulary.detokenize(answer)


def test_the_answer_is_the_last_message() -> None:
    assert said("<|im_start|>system\nBe kind<|im_end|>\n" + CHAT) == "Hi"


def test_markers_in_a_message_are_echoed_as_markers() -> None:
    assert said(CHAT.replace("Hi", "<think>\nwell\n</think>")) == "<think>\nwell\n</think>"


def test_a_raw_prompt_goes_on_by_the_alphabet_without_end() -> None:
    assert said("wxy").startswith("zabc")
