"""The text that the tiny tokenizers are trained on: prose, code, JSON, and other scripts."""

from typing import Final

CORPUS: Final = """\
An alchemist kept a furnace that fed itself and gave a steady heat. The furnace stood in a cellar
under the house, and no guest was allowed to touch it. Every morning the owner came down the stairs,
looked at the glass, and wrote a number into a book: the temperature, the hour, the weather outside.
What is the weather in Berlin today? The weather in Berlin is cloudy with some rain, and the
temperature is about twelve degrees. What is the capital of France? The capital of France is Paris.
Please write a short story about a cat and a dog who live in a small town near the sea. Once upon a
time there was a little cat who wanted to see the world. She walked along the river until she came
to a bridge, and there she met an old dog who could not remember the way home. "Where do you live?"
asked the cat. "I do not know," answered the dog, "but the kitchen smells of bread." So they went
together from door to door, asking everyone they met, and when evening came they found the baker.
You are a helpful assistant. Answer the question of the user in one sentence, and say when you do
not know. Explain how a computer remembers things, step by step, so that a child can understand it.
First, think about the problem. Then write the answer. The sum of two numbers is the number that you
get when you add them. One hundred and twenty-three plus four hundred and fifty-six makes five
hundred and seventy-nine. Water boils at 100 degrees, and there are 365 days in a year, 24 hours in
a day, 60 minutes in an hour. Some people say that nothing is certain; others say that everything
has a reason. Which of them is right? It should be easy to read, and it would be better to ask.
{"name": "get_weather", "arguments": {"city": "Paris", "unit": "celsius", "days": 3}}
{"type": "object", "properties": {"name": {"type": "string"}, "value": {"type": "integer"},
"items": {"type": "array", "items": {"type": "number"}}, "ok": true, "none": null, "no": false}}
def factorial(number: int) -> int:
    if number <= 1:
        return 1
    return number * factorial(number - 1)

for (let index = 0; index < values.length; index++) { console.log(values[index]); }
Das Wetter ist heute schön, und die Straße führt über die Brücke. Où est la bibliothèque, s'il vous
plaît? El niño comió mañana. Привет, как дела? 今日はいい天気ですね。 مرحبا 🙂 🚀
"""
