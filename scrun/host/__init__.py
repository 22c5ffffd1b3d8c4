"""Linux as scrun needs it: processes, directories, locks. States facts and does deeds."""
